"""kill -9 of what matters at random moments: the chain still completes."""

import random
import time

import pytest
from tests.conftest import sample_seed
from tests.e2e.objects import classifier, compression, service, training
from tests.e2e.world import World

from slipway_demo.install import SYSTEM_NAMESPACE


@pytest.mark.parametrize("victim", ["operator", "training pod", "API server"])
def test_chain_completes_although_killed(world: World, victim: str, request: pytest.FixtureRequest) -> None:
    cluster = world.target.cluster
    if cluster is None:
        pytest.skip("kill -9 of containers needs a devcluster")
    moment = random.Random(f"{sample_seed(request.config)}{victim}").uniform(0.5, 12)  # noqa: S311 - a moment
    world.apply(
        training(recipe=classifier(epochs=40), checkpoint={"every": 20}),
        compression(),
        service(kind="CompressionJob", source="digits-int8"),
    )
    if victim == "training pod":
        world.wait("training pod running", lambda: _running(world))
        time.sleep(moment / 3)
        cluster.kill_pod_container(world.namespace, _running(world) or _any_pod(world))
    elif victim == "operator":
        time.sleep(moment)
        for pod in world.operator_pods():
            cluster.kill_pod_container(SYSTEM_NAMESPACE, pod)
    else:
        time.sleep(moment)
        cluster.restart_api_server()
    ready = world.wait_ready("modelservice", "digits", timeout=420)
    trained = world.get("trainingjob", "digits")["status"]
    assert ready["status"]["lineage"][-1]["digest"] == trained["artifact"]["digest"]
    if victim == "training pod":
        assert trained["attempt"] >= 2
        assert trained["restarts"]["counted"] + trained["restarts"]["free"] >= 1


def _running(world: World) -> str | None:
    pods = world.items("pods", "slipway.dev/kind=TrainingJob")
    running = [pod["metadata"]["name"] for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    return running[0] if running else None


def _any_pod(world: World) -> str:
    return str(world.items("pods", "slipway.dev/kind=TrainingJob")[0]["metadata"]["name"])
