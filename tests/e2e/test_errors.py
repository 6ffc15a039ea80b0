"""What can be wrong, and whether the condition says exactly what to do."""

import base64

import pytest
from tests.e2e.objects import service, training
from tests.e2e.world import World


def _secret(world: World, name: str, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    world.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded})


def test_unschedulable_gpu_names_the_resource(world: World) -> None:
    world.apply(training(gpus=8))
    found = world.wait_reason("trainingjob", "digits", "Unschedulable", timeout=60)
    assert "nvidia.com/gpu" in found["message"]


def test_missing_image_names_the_image(world: World) -> None:
    program = {"image": "localhost/no-such-image:1", "command": ["true"], "launcher": "plain"}
    world.apply({"kind": "TrainingJob", "metadata": {"name": "own"}, "spec": {"program": program}})
    found = world.wait_reason("trainingjob", "own", "ImagePullBackOff", timeout=120)
    assert "localhost/no-such-image:1" in found["message"]


def test_missing_secret_names_the_secret(world: World) -> None:
    world.apply(training(dataset={"uri": "s3://nowhere/data.csv", "secretName": "no-such-secret"}))
    found = world.wait_reason("trainingjob", "digits", "VolumeNotMounted", timeout=180)
    assert "no-such-secret" in found["message"]


@pytest.mark.parametrize("wrong", ["bucket", "credentials"])
def test_a_wrong_store_says_what_to_correct(world: World, wrong: str) -> None:
    endpoint = "http://slipway-store.slipway-system.svc:7070"
    _secret(world, "mine", endpoint=endpoint, region="us-east-1", accessKeyId="nobody", secretAccessKey="wrong")
    dataset = {"uri": "s3://no-such-bucket/data.csv"}
    if wrong == "credentials":
        dataset["secretName"] = "mine"
    world.apply(training(dataset=dataset))
    found = world.wait_reason("trainingjob", "digits", "ConfigError")
    assert "no-such-bucket" in found["message"]
    assert "secret" in found["message"].lower() if wrong == "credentials" else "bucket" in found["message"]


def test_wrong_model_uri_keeps_the_service_waiting_with_the_cause(world: World) -> None:
    world.apply(service() | {"spec": {"model": {"uri": "s3://no-such-bucket/model.onnx"}}})
    found = world.wait_reason("modelservice", "digits", "ConfigError")
    assert "no-such-bucket" in found["message"]
