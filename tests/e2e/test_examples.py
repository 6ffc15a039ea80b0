"""The examples, applied as they are after what their READMEs ask for; `digits` is the chain's own test."""

from pathlib import Path

import aiohttp
import numpy as np
import yaml
from tests.e2e import bucket
from tests.e2e.world import World

from slipway_demo.install import SYSTEM_NAMESPACE
from slipway_operator.cluster.gateway import Gateway
from slipway_operator.cluster.sigv4 import Credentials
from slipway_runtime.datasets import load
from slipway_runtime.spec.dataset import DatasetSource

REGION = "us-east-1"
ANALYST = Credentials("analyst", "a-key-of-their-own")


async def test_examples_are_ready_and_answer_after_what_their_readmes_ask_for(world: World, examples: Path) -> None:
    table, program = examples / "tabular", examples / "own-program"
    await _upload(world, table / "houses.csv")
    _build(world, program)
    world.kubectl("apply", "-f", str(table), "-f", str(program))

    served = world.wait_ready("modelservice", "wine")
    assert served["status"]["active"]["digest"] == world.get("trainingjob", "wine")["status"]["artifact"]["digest"]
    wines = load(DatasetSource(uri="builtin://wine"))
    cultivars = [wines.classes[int(label)] for label in wines.y]
    answers = world.predict("wine", wines.x.tolist())
    assert np.mean([str(answer) == cultivar for answer, cultivar in zip(answers, cultivars, strict=True)]) >= 0.9

    world.wait_ready("modelservice", "house-prices")
    houses = np.loadtxt(table / "houses.csv", delimiter=",", skiprows=1)[:60]
    prices = houses[:, -1]
    estimates = np.array(world.predict("house-prices", houses[:, :-1].tolist()))
    assert 1 - np.sum((estimates - prices) ** 2) / np.sum((prices - prices.mean()) ** 2) >= 0.6


async def _upload(world: World, table: Path) -> None:
    """Put the table into a bucket that only its owner's key opens, and that key into a Secret."""
    root = bucket.secret_values(world.target, SYSTEM_NAMESPACE, "slipway-store-root")
    endpoint = bucket.endpoint(world.target)
    async with aiohttp.ClientSession() as session:
        administrator = Credentials(root["accessKeyId"], root["secretAccessKey"])
        gateway = Gateway(session, endpoint, REGION, administrator)
        await gateway.ensure_account(ANALYST)
        await gateway.ensure_bucket("datasets", ANALYST.access_key)
    key = {"region": REGION, "accessKeyId": ANALYST.access_key, "secretAccessKey": ANALYST.secret_key}
    with bucket.opened("s3://datasets", {**key, "endpoint": endpoint}) as store:
        store.write(table.name, table)
    literals = [f"--from-literal={name}={value}" for name, value in {**key, "endpoint": bucket.IN_CLUSTER}.items()]
    world.kubectl("create", "secret", "generic", "houses-bucket", *literals)


def _build(world: World, folder: Path) -> None:
    """Build the user's image on top of the installed training image, and have it where the nodes find it."""
    cluster = world.target.cluster
    assert cluster is not None
    image = yaml.safe_load((folder / "trainingjob.yaml").read_text())["spec"]["program"]["image"]
    cluster.build_folder(folder, image, {"BASE": world.target.images["slipway-train"]})
    cluster.load(image)
