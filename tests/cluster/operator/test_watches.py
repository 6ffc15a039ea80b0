"""Watches of the operator's own, against a real API server."""

from collections.abc import AsyncIterator

import pytest
from tests.bench.operator.objects import client

from slipway_devcluster import Cluster
from slipway_operator.cluster.api import Api
from slipway_operator.cluster.errors import Retry
from slipway_operator.cluster.resources import CHILD_SELECTOR, SERVICE_ACCOUNTS


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    made = await client(cluster.kubeconfig)
    yield made
    await made.close()


async def test_a_watch_tells_of_ours_only_whole_and_in_order(cluster: Cluster, api: Api, namespace: str) -> None:
    _, items = await anext(api.pages(SERVICE_ACCOUNTS, namespace, CHILD_SELECTOR))
    assert items == []
    version = (await api.request("list", SERVICE_ACCOUNTS, namespace, method="GET"))["metadata"]["resourceVersion"]
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "other")
    # Longer than one read of the socket: an event is put together from its pieces.
    note, long = "example.org/note", "x" * 200_000
    labels = {"app.kubernetes.io/managed-by": "slipway"}
    notes: dict[str, dict[str, str]] = {"first": {}, "second": {note: long}}
    for name, annotations in notes.items():
        metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        await api.apply(SERVICE_ACCOUNTS, namespace, name, account)
    seen: list[tuple[str, str, int]] = []
    async for kind, body in api.watch(SERVICE_ACCOUNTS, namespace, CHILD_SELECTOR, version):
        seen.append((kind, body["metadata"]["name"], len(body["metadata"].get("annotations", {}).get(note, ""))))
        if len(seen) == 2:
            break
    assert seen == [("ADDED", "first", 0), ("ADDED", "second", 200_000)]


async def test_a_watch_that_is_refused_says_so(api: Api) -> None:
    with pytest.raises(Retry, match="resourceVersion"):
        await anext(api.watch(SERVICE_ACCOUNTS, None, None, "words"))
