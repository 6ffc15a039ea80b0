"""Each gate refusing: nothing in the store, downstream says why, and what served before still serves."""

from tests.e2e import bucket
from tests.e2e.objects import classifier, compression, service, training
from tests.e2e.world import World

from slipway_demo.progress import condition
from slipway_runtime.datasets import load
from slipway_runtime.spec.dataset import DatasetSource


def test_refused_models_never_reach_what_serves(world: World) -> None:
    world.apply(training(), service(podTemplate={"resources": {"cpu": "100m", "memory": "256Mi"}}))
    served = world.wait_ready("modelservice", "digits")["status"]["active"]["digest"]
    published = bucket.keys(world)
    assert f"manifests/{served.removeprefix('sha256:')}" in published
    assert sum(key.endswith("/result.json") for key in published) == 1

    # The training gate refuses the next version; the published one stays.
    gate = {"metrics": [{"name": "accuracy", "min": "0.9999"}]}
    world.apply(training(recipe=classifier(epochs=1), gate=gate, checkpoint={"every": 5}))
    refused = world.wait_reason("trainingjob", "digits", "GateRefused")
    assert "accuracy" in refused["message"]
    assert "0.9999" in refused["message"]
    # No manifest, no file, no result, and no checkpoint of those it wrote.
    assert bucket.keys(world) == published
    job = world.get("trainingjob", "digits")
    assert condition(job, "Stalled")["status"] == "True"
    assert job["status"]["artifact"]["digest"] == served
    assert len(job["status"]["history"]) == 1
    still = world.get("modelservice", "digits")
    assert still["status"]["active"]["digest"] == served
    row = load(DatasetSource(uri="builtin://digits")).x[:1].reshape(1, 64).tolist()
    assert len(world.predict("digits", row)) == 1

    # The compression gate refuses, and a service that waits for it names it.
    world.apply(
        compression(gate={"minSizeRatio": "50"}),
        service("small", kind="CompressionJob", source="digits-int8"),
    )
    size = world.wait_reason("compressionjob", "digits-int8", "GateRefused")
    assert "50" in size["message"]
    assert bucket.keys(world) == published
    waiting = world.wait_reason("modelservice", "small", "WaitingForCompressionJob")
    assert "digits-int8" in waiting["message"]
    assert "GateRefused" in waiting["message"]
    assert "artifact" not in world.get("compressionjob", "digits-int8")["status"]
