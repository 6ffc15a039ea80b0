"""One cluster with the real chart and images for the whole run."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.world import World

from slipway_demo.install import Target, own_cluster


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """A two-node devcluster, never the cluster that ``KUBECONFIG`` names; ``SLIPWAY_KEEP=1`` leaves it at the end."""
    found = own_cluster(os.environ.get("SLIPWAY_E2E_CLUSTER", "e2e"), nodes=2)
    found.install()
    yield found
    if found.cluster is not None and not os.environ.get("SLIPWAY_KEEP"):
        found.cluster.down()


@pytest.fixture
def world(target: Target) -> Iterator[World]:
    """A namespace of its own, with Pod Security ``restricted`` enforced; deleted with all it holds."""
    world = World(target, f"t-{uuid.uuid4().hex[:8]}")
    world.create_namespace()
    yield world
    world.delete_namespace()


@pytest.fixture
def examples() -> Path:
    return Path(__file__).resolve().parents[2] / "examples"
