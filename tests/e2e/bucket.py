"""The model store as it is: the objects of its buckets, seen from the machine that runs the tests."""

import base64
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from tests.e2e.world import World

from slipway_demo.install import RELEASE, SYSTEM_NAMESPACE, Target
from slipway_operator.cluster.gateway import Gateway
from slipway_operator.cluster.sigv4 import Credentials
from slipway_runtime.storage.store import Store
from slipway_runtime.storage.uri import Mounts, open_uri

REGION = "us-east-1"
ANALYST = Credentials("analyst", "a-key-of-their-own")

STORE_SERVICE = f"{RELEASE}-store"
IN_CLUSTER = f"http://{STORE_SERVICE}.{SYSTEM_NAMESPACE}.svc:7070"
"""The store's endpoint as pods name it."""


def endpoint(target: Target) -> str:
    """The same as this machine reaches it: the cluster IP of a devcluster is routed here."""
    address = target.get("service", STORE_SERVICE, "--namespace", SYSTEM_NAMESPACE)["spec"]["clusterIP"]
    return f"http://{address}:7070"


def secret_values(target: Target, namespace: str, name: str) -> dict[str, str]:
    """A Secret's values, read as administrator."""
    data = target.get("secret", name, "--namespace", namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


@contextmanager
def opened(uri: str, values: dict[str, str]) -> Iterator[Store]:
    """A store with the values of a Secret."""
    with tempfile.TemporaryDirectory() as folder:
        for key, value in values.items():
            (Path(folder) / key).write_text(value)
        yield open_uri(uri, Mounts(store=Path(folder)))


def keys(world: World) -> set[str]:
    """Every key in the bucket of the namespace, listed with the namespace's own account."""
    values = secret_values(world.target, world.namespace, "slipway-store")
    with opened(values["uri"], {**values, "endpoint": endpoint(world.target)}) as store:
        return {entry.key for entry in store.list()}


async def with_own_key(world: World, name: str, files: Iterable[Path], *, secret: str) -> None:
    """Put files into a bucket that only its owner's key opens, and that key into a Secret of the namespace."""
    root = secret_values(world.target, SYSTEM_NAMESPACE, "slipway-store-root")
    async with aiohttp.ClientSession() as session:
        administrator = Credentials(root["accessKeyId"], root["secretAccessKey"])
        gateway = Gateway(session, endpoint(world.target), REGION, administrator)
        await gateway.ensure_account(ANALYST)
        await gateway.ensure_bucket(name, ANALYST.access_key)
    key = {"region": REGION, "accessKeyId": ANALYST.access_key, "secretAccessKey": ANALYST.secret_key}
    with opened(f"s3://{name}", {**key, "endpoint": endpoint(world.target)}) as store:
        for file in files:
            store.write(file.name, file)
    literals = [f"--from-literal={one}={value}" for one, value in {**key, "endpoint": IN_CLUSTER}.items()]
    world.kubectl("create", "secret", "generic", secret, *literals)
