"""Which stores a sweep visits: decisions as tables, and a sweep of a real gateway."""

import base64
import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from tests.store_gateway import ACCESS_KEY, REGION, SECRET_KEY, Gateway
from tests.unit.runtime.artifact.packages import make_package

from slipway_operator.cluster.marking import Marked, Marks, mark
from slipway_operator.cluster.store_accounts import StoreAccounts, StoreConfig, StoreMode
from slipway_operator.cluster.sweep import duration, sweep_install, watched_buckets
from slipway_runtime.run.context import RunContext
from slipway_runtime.storage.uri import Mounts, open_uri

if TYPE_CHECKING:
    from slipway_operator.cluster.api import Api

NOTHING_YOUNG = timedelta(0)
LONG = "sweep-" + "n" * 57  # its bucket's name ends in a hash


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("24h", 86400), ("2d", 172800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="24h"):
        duration(text)


@pytest.mark.parametrize(
    ("watched", "ours", "unseen"),
    [
        ((), ("slipway-a", "slipway-b"), ()),
        (("a",), ("slipway-a",), ("slipway-b",)),
        (("a", "b", "c"), ("slipway-a", "slipway-b"), ()),
    ],
    ids=["all", "one", "one that never had a bucket"],
)
def test_buckets_of_watched_namespaces(
    watched: tuple[str, ...], ours: tuple[str, ...], unseen: tuple[str, ...]
) -> None:
    assert watched_buckets(("slipway-a", "slipway-b"), watched) == (ours, unseen)


class Secrets:
    """The API server as far as a store's accounts need it: the root key is there, Secrets can be written."""

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        key = {"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY}
        return {"data": {name: base64.b64encode(value.encode()).decode() for name, value in key.items()}}

    async def apply(self, *_: Any) -> dict[str, Any]:
        return {}


class Pods:
    """Publishes as pods do: with the mounted account of their namespace."""

    def __init__(self, accounts: StoreAccounts, folder: Path) -> None:
        self._accounts = accounts
        self._folder = folder

    async def mounts(self, namespace: str) -> Mounts:
        directory = self._folder / namespace
        directory.mkdir(exist_ok=True)
        for key, value in (await self._accounts.values(namespace)).items():
            (directory / key).write_text(value)
        return Mounts(store=directory)

    async def publish(self, namespace: str, name: str, policy: str, output: str = "") -> str:
        """Publish an artifact of a TrainingJob, and return its digest."""
        mounts = await self.mounts(namespace)
        package = self._folder / f"{namespace}.{name}"
        make_package(package, f"{namespace} {name}".encode())
        context = RunContext.from_env(
            {
                "SLIPWAY_STORE": str(mounts.store),
                "SLIPWAY_OUTPUT": output or self._accounts.uri(namespace),
                "SLIPWAY_RUN": f"{namespace}/trainingjob/{name}/0123456789abcdef",
                "SLIPWAY_RETENTION": f'{{"deletionPolicy": "{policy}"}}',
            }
        )
        published = context.publish(package, message="").artifact
        assert published is not None
        return published.digest

    async def left(self, namespace: str) -> set[str]:
        """Names of the jobs that have a record, and prefixes of manifests that are not at the root."""
        store = open_uri(self._accounts.uri(namespace), await self.mounts(namespace))
        keys = [entry.key for entry in store.list()]
        return {key.split("/")[-3] for key in keys if key.endswith("/result.json")} | {
            key.partition("/manifests/")[0] for key in keys if "/manifests/" in key
        }


def job(namespace: str, name: str, **spec: Any) -> tuple[str, dict[str, Any]]:
    return "TrainingJob", {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


async def test_a_real_gateway_is_swept_also_of_what_nobody_remembers(
    store_gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = StoreConfig(StoreMode.EMBEDDED, "slipway-system", "root", store_gateway.endpoint, REGION)
    async with aiohttp.ClientSession() as session:
        accounts = StoreAccounts(cast("Api", Secrets()), session, config)
        pods = Pods(accounts, tmp_path)
        for namespace in ("sweep-a", "sweep-gone", LONG):
            await accounts.ensure(namespace)
        await pods.publish("sweep-a", "there", "Delete")
        await pods.publish("sweep-a", "gone", "Delete")
        served = await pods.publish("sweep-gone", "served-elsewhere", "Delete")
        for name, policy in (("delete", "Delete"), ("retain", "Retain")):
            await pods.publish("sweep-gone", name, policy)
            await pods.publish("sweep-gone", name, policy, f"s3://slipway-sweep-gone/nested-{name}")
        await pods.publish(LONG, "gone", "Delete")

        objects = [
            job("sweep-a", "there", output={"uri": "s3://mine", "secretName": "mine"}),
            ("ModelService", job("sweep-a", "user", model={"digest": served})[1]),
        ]

        async def swept(watched: tuple[str, ...]) -> int:
            async def read() -> Marked:
                return mark(objects, watched)

            return await sweep_install(config, accounts, Marks(read), watched, NOTHING_YOUNG)

        with caplog.at_level(logging.INFO):
            assert await swept(("sweep-a",)) == 0
        assert await pods.left("sweep-a") == {"there"}
        everything = {"served-elsewhere", "delete", "retain", "nested-delete", "nested-retain"}
        assert await pods.left("sweep-gone") == everything
        assert await pods.left(LONG) == {"gone"}
        outside = next(record for record in caplog.records if "credentials are not the sweep's" in record.message)
        assert vars(outside)["store"] == "s3://mine"
        unseen = next(record for record in caplog.records if "not watched" in record.message)
        assert "slipway-sweep-gone" in vars(unseen)["buckets"]

        assert await swept(()) == 0
        assert await pods.left("sweep-a") == {"there"}
        assert await pods.left("sweep-gone") == {"served-elsewhere", "retain", "nested-retain"}
        assert await pods.left(LONG) == set()


async def test_one_store_that_fails_stops_no_other(store_gateway: Gateway, tmp_path: Path) -> None:
    config = StoreConfig(StoreMode.EMBEDDED, "slipway-system", "root", store_gateway.endpoint, REGION)
    async with aiohttp.ClientSession() as session:
        accounts = StoreAccounts(cast("Api", Secrets()), session, config)
        pods = Pods(accounts, tmp_path)
        for namespace in ("sweep-1-broken", "sweep-2-whole"):
            await accounts.ensure(namespace)
            await pods.publish(namespace, "gone", "Delete")

        reads = 0

        async def read() -> Marked:
            nonlocal reads
            reads += 1
            if reads == 2:
                raise TimeoutError("the API server does not answer")
            return mark([], ("sweep-1-broken", "sweep-2-whole"))

        always_old = iter(range(0, 1_000_000, 1000))
        marks = Marks(read, lambda: float(next(always_old)))
        names = ("sweep-1-broken", "sweep-2-whole")
        assert await sweep_install(config, accounts, marks, names, NOTHING_YOUNG) == 1
        assert await pods.left("sweep-1-broken") == {"gone"}
        assert await pods.left("sweep-2-whole") == set()


async def test_an_external_store_is_swept_although_no_object_is_left(store_gateway: Gateway, tmp_path: Path) -> None:
    store_gateway.bucket("sweep-external")
    config = StoreConfig(
        StoreMode.EXTERNAL, "slipway-system", "root", store_gateway.endpoint, REGION, "s3://sweep-external/root"
    )
    async with aiohttp.ClientSession() as session:
        accounts = StoreAccounts(cast("Api", Secrets()), session, config)
        pods = Pods(accounts, tmp_path)
        await pods.publish("a", "delete", "Delete")
        await pods.publish("b", "retain", "Retain")
        await pods.publish("b", "of-another-install", "Delete", "s3://sweep-external/root/another")

        async def read() -> Marked:
            return mark([], ())

        assert await sweep_install(config, accounts, Marks(read), (), NOTHING_YOUNG) == 0
        assert await pods.left("a") == {"retain", "of-another-install", "another"}


async def test_an_install_without_a_store_still_names_what_it_leaves(caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> Marked:
        return mark([job("a", "there", output={"uri": "s3://mine", "secretName": "mine"})], ())

    config = StoreConfig(StoreMode.NONE, "slipway-system", "")
    async with aiohttp.ClientSession() as session:
        accounts = StoreAccounts(cast("Api", Secrets()), session, config)
        assert await sweep_install(config, accounts, Marks(read), (), NOTHING_YOUNG) == 0
    assert [vars(record)["store"] for record in caplog.records] == ["s3://mine"]
