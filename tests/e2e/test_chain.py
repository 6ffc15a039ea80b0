"""The chain from data to served answers, on real nodes, from the real chart and images."""

from pathlib import Path

import numpy as np
from tests.e2e.objects import classifier, service, training
from tests.e2e.world import World

from slipway_runtime.datasets import load, split
from slipway_runtime.spec.dataset import DatasetSource


def test_three_objects_applied_at_once_become_a_gated_compressed_served_model(world: World, examples: Path) -> None:
    world.kubectl("apply", "-f", str(examples / "digits"))
    trained = world.wait_ready("trainingjob", "digits")
    compressed = world.wait_ready("compressionjob", "digits-int8")
    served = world.wait_ready("modelservice", "digits")

    data = load(DatasetSource(uri="builtin://digits"))
    _, held_out = split(data, 0.2, 0)
    rows = data.x[held_out].reshape(-1, 8, 8)
    answers = [
        answer
        for begin in range(0, len(rows), 64)
        for answer in world.predict("digits", rows[begin : begin + 64].tolist())
    ]
    truth = [data.classes[int(label)] for label in data.y[held_out]]
    accuracy = float(np.mean([str(answer) == label for answer, label in zip(answers, truth, strict=True)]))
    fp32 = {metric["name"]: float(metric["value"]) for metric in trained["status"]["artifact"]["metrics"]}["accuracy"]
    assert accuracy >= 0.95
    assert abs(accuracy - fp32) <= 0.01
    assert float(compressed["status"]["report"]["sizeRatio"]) >= 2.5

    status = served["status"]
    assert status["active"]["digest"] == compressed["status"]["artifact"]["digest"]
    assert [(step["kind"], step["digest"]) for step in status["lineage"]] == [
        ("CompressionJob", compressed["status"]["artifact"]["digest"]),
        ("TrainingJob", trained["status"]["artifact"]["digest"]),
    ]
    columns = world.kubectl("get", "msv").splitlines()[0].split()
    assert columns[:4] == ["NAME", "READY", "REASON", "URL"]
    assert columns[-1] == "AGE"


def test_two_nodes_train_together(world: World) -> None:
    world.apply(training(nodes=2, recipe=classifier(epochs=2)))

    def placed() -> list[str]:
        pods = world.items("pods", "slipway.dev/kind=TrainingJob")
        return [pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")]

    nodes = world.wait("both pods placed", lambda: placed() if len(placed()) == 2 else None)
    assert len(set(nodes)) == 2
    assert world.wait_ready("trainingjob", "digits")["status"]["artifact"]["digest"].startswith("sha256:")


def test_a_changed_training_spec_rolls_out_under_load_without_a_failed_request(world: World) -> None:
    world.apply(training(), service(replicas=2, podTemplate={"resources": {"cpu": "100m", "memory": "256Mi"}}))
    before = world.wait_ready("modelservice", "digits")["status"]["active"]["digest"]
    rows = load(DatasetSource(uri="builtin://digits")).x[:1].reshape(1, 64).tolist()
    with world.load("digits", rows, per_second=15) as load_result:
        world.apply(training(recipe=classifier(epochs=5)))
        world.wait(
            "another artifact active", lambda: world.get("msv", "digits")["status"]["active"]["digest"] != before
        )
        world.wait_ready("modelservice", "digits")
    assert load_result.failures == []
    assert load_result.answered > 100


def test_operator_upgrade_restarts_no_workload(world: World) -> None:
    world.apply(training(), service(podTemplate={"resources": {"cpu": "100m", "memory": "256Mi"}}))
    world.wait_ready("modelservice", "digits")
    pods = {pod["metadata"]["uid"] for pod in world.items("pods", "slipway.dev/kind=ModelService")}
    jobs = {job["metadata"]["uid"] for job in world.items("jobs")}
    operators = set(world.operator_pods())

    # Another operator with other images for new workloads: what runs must not notice.
    world.target.install(values=["operator.podAnnotations.upgraded=again", "images.serve.tag=another"])
    world.wait("new operator pods", lambda: not operators & set(world.operator_pods()))
    world.wait("reconciled by the new operator", lambda: world.get("msv", "digits")["status"]["replicas"]["ready"] == 1)
    try:
        assert {pod["metadata"]["uid"] for pod in world.items("pods", "slipway.dev/kind=ModelService")} == pods
        assert {job["metadata"]["uid"] for job in world.items("jobs")} == jobs
    finally:
        world.target.install()
