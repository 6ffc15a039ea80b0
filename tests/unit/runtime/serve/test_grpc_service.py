"""What the gRPC service tells beside inferences: metadata, configuration, statistics, index, health, reflection."""

from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.message import Message
from tests.unit.runtime.serve.calls import Calls, connected, refused, row
from tests.unit.runtime.serve.process import Served, started

from slipway_runtime.serve.grpc import generate, health_pb2
from slipway_runtime.serve.grpc import inference_pb2 as pb
from slipway_runtime.serve.grpc import reflection_pb2 as reflection

HEALTH = health_pb2.HealthCheckResponse


def version_of(iris: tuple[Path, str]) -> str:
    return iris[1].removeprefix("sha256:")[:12]


def test_generated_messages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, f"run `make generate`: {capsys.readouterr().out}"


def test_check_says_which_messages_are_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for protocol in generate.PROTOCOLS:
        (tmp_path / f"{protocol}.proto").write_text((generate.FOLDER / f"{protocol}.proto").read_text())
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "out of date: " in capsys.readouterr().out
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_live_and_ready(calls: Calls) -> None:
    assert calls.tell("ServerLive", pb.ServerLiveRequest(), pb.ServerLiveResponse).live
    assert calls.tell("ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse).ready


def test_model_ready(calls: Calls, iris: tuple[Path, str]) -> None:
    for version in ("", version_of(iris)):
        request = pb.ModelReadyRequest(name="iris", version=version)
        assert calls.tell("ModelReady", request, pb.ModelReadyResponse).ready
    with refused(grpc.StatusCode.NOT_FOUND, 'model "none" is unknown'):
        calls.tell("ModelReady", pb.ModelReadyRequest(name="none"), pb.ModelReadyResponse)
    with refused(grpc.StatusCode.NOT_FOUND, 'no version "9"'):
        calls.tell("ModelReady", pb.ModelReadyRequest(name="iris", version="9"), pb.ModelReadyResponse)


def test_server_metadata_equals_rests(calls: Calls, client: httpx.Client) -> None:
    told = calls.tell("ServerMetadata", pb.ServerMetadataRequest(), pb.ServerMetadataResponse)
    found = {"name": told.name, "version": told.version, "extensions": list(told.extensions)}
    assert found == client.get("/v2").json()


def test_model_metadata(calls: Calls, iris: tuple[Path, str]) -> None:
    told = calls.tell("ModelMetadata", pb.ModelMetadataRequest(name="iris"), pb.ModelMetadataResponse)
    assert (told.name, list(told.versions), told.platform) == ("iris", [version_of(iris)], "onnx_onnxv1")
    assert [(one.name, one.datatype, list(one.shape)) for one in told.inputs] == [("input", "FP32", [-1, 4])]
    assert [(one.name, one.datatype, list(one.shape)) for one in told.outputs] == [("probabilities", "FP32", [-1, 3])]


@pytest.mark.parametrize(
    ("model", "datatype"), [("iris", pb.TYPE_FP32), ("bytes", pb.TYPE_STRING), ("bf16", pb.TYPE_BF16)]
)
def test_model_config(calls: Calls, model: str, datatype: int) -> None:
    config = calls.tell("ModelConfig", pb.ModelConfigRequest(name=model), pb.ModelConfigResponse).config
    assert (config.name, config.platform, config.backend) == (model, "onnx_onnxv1", "onnx")
    assert config.max_batch_size == 0
    assert config.version_policy.latest.num_versions == 1
    assert [one.data_type for one in config.input] == [datatype]
    assert config.input[0].dims[0] == -1


def test_config_has_tritons_field_numbers() -> None:
    numbers = {field.name: field.number for field in pb.ModelConfig.DESCRIPTOR.fields}
    assert numbers == {
        "name": 1,
        "platform": 2,
        "version_policy": 3,
        "max_batch_size": 4,
        "input": 5,
        "output": 6,
        "backend": 17,
    }


def test_statistics_count_both_protocols(calls: Calls, client: httpx.Client) -> None:
    request = pb.ModelStatisticsRequest(name="classifier")
    (before,) = calls.tell("ModelStatistics", request, pb.ModelStatisticsResponse).model_stats
    request_ = row()
    request_.model_name = "classifier"
    calls.infer(request_)
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    assert client.post("/v2/models/classifier/infer", json={"inputs": [tensor]}).status_code == 200
    (after,) = calls.tell("ModelStatistics", request, pb.ModelStatisticsResponse).model_stats
    assert after.inference_count == before.inference_count + 2
    assert after.inference_stats.success.count == before.inference_stats.success.count + 2
    assert after.inference_stats.success.ns > before.inference_stats.success.ns
    assert after.batch_stats[0].batch_size == 1
    everything = calls.tell("ModelStatistics", pb.ModelStatisticsRequest(), pb.ModelStatisticsResponse)
    assert {"iris", "classifier", "slow"} <= {one.name for one in everything.model_stats}


def test_index(calls: Calls, client: httpx.Client) -> None:
    told = calls.tell("RepositoryIndex", pb.RepositoryIndexRequest(ready=True), pb.RepositoryIndexResponse)
    found = [
        {"name": one.name, "version": one.version, "state": one.state, "reason": one.reason} for one in told.models
    ]
    assert found == client.post("/v2/repository/index").json()


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="iris")),
        ("RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name="iris")),
    ],
)
def test_models_are_not_changed_unless_that_is_allowed(calls: Calls, method: str, request_: Message) -> None:
    with refused(grpc.StatusCode.PERMISSION_DENIED, "--admin"):
        calls.tell(method, request_, pb.RepositoryModelLoadResponse)


def test_unload_and_load(tmp_path: Path, iris: tuple[Path, str]) -> None:
    model = pb.ModelReadyRequest(name="iris")
    with started(tmp_path, "--model", f"iris={iris[0]}", "--admin") as served, connected(served.target) as calls:
        served.wait_ready()
        watch = calls.watch("iris")
        assert next(watch).status == HEALTH.SERVING
        calls.tell(
            "RepositoryModelUnload",
            pb.RepositoryModelUnloadRequest(model_name="iris"),
            pb.RepositoryModelUnloadResponse,
        )
        assert next(watch).status == HEALTH.NOT_SERVING
        assert not calls.tell("ModelReady", model, pb.ModelReadyResponse).ready
        assert calls.health("iris") == HEALTH.NOT_SERVING
        with refused(grpc.StatusCode.UNAVAILABLE, "unloaded by a request"):
            calls.infer(row())
        index = calls.tell("RepositoryIndex", pb.RepositoryIndexRequest(), pb.RepositoryIndexResponse)
        assert [one.state for one in index.models] == ["UNAVAILABLE"]
        load = pb.RepositoryModelLoadRequest(model_name="iris")
        calls.tell("RepositoryModelLoad", load, pb.RepositoryModelLoadResponse)
        assert next(watch).status == HEALTH.SERVING
        assert calls.infer(row()).outputs
        load.parameters["config"].string_param = "{}"
        with refused(grpc.StatusCode.UNIMPLEMENTED, "config"):
            calls.tell("RepositoryModelLoad", load, pb.RepositoryModelLoadResponse)
        with refused(grpc.StatusCode.NOT_FOUND, '"none"'):
            load = pb.RepositoryModelLoadRequest(model_name="none")
            calls.tell("RepositoryModelLoad", load, pb.RepositoryModelLoadResponse)


def test_health(calls: Calls) -> None:
    for service in ("", "inference.GRPCInferenceService", "iris"):
        assert calls.health(service) == HEALTH.SERVING
    with refused(grpc.StatusCode.NOT_FOUND, '"none"'):
        calls.health("none")
    watch = calls.watch("none")
    assert next(watch).status == HEALTH.SERVICE_UNKNOWN
    watch.cancel()


def test_undecodable_questions_are_the_clients_fault(calls: Calls) -> None:
    for method in ("inference.GRPCInferenceService/ModelReady", "grpc.health.v1.Health/Check"):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "the message is no "):
            calls.channel.unary_unary(f"/{method}")(b"\x0a\xff", timeout=10)


@pytest.mark.parametrize("package", ["grpc.reflection.v1", "grpc.reflection.v1alpha"])
def test_reflection(calls: Calls, package: str) -> None:
    listed, by_symbol, by_name, none, extension = calls.reflect(
        package,
        reflection.ServerReflectionRequest(list_services="*"),
        reflection.ServerReflectionRequest(file_containing_symbol="inference.ModelInferRequest.InferInputTensor"),
        reflection.ServerReflectionRequest(file_by_filename="health.proto"),
        reflection.ServerReflectionRequest(file_containing_symbol="inference.None"),
        reflection.ServerReflectionRequest(all_extension_numbers_of_type="inference.ModelConfig"),
    )
    names = {service.name for service in listed.list_services_response.service}
    assert names == {"inference.GRPCInferenceService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}
    (content,) = by_symbol.file_descriptor_response.file_descriptor_proto
    file = descriptor_pb2.FileDescriptorProto.FromString(content)
    assert (file.name, file.package, [one.name for one in file.service]) == (
        "inference.proto",
        "inference",
        ["GRPCInferenceService"],
    )
    assert by_name.file_descriptor_response.file_descriptor_proto
    for answer in (none, extension):
        assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
        assert answer.WhichOneof("message_response") == "error_response"


def test_requests_of_both_protocols_are_on_one_page(many: Served, calls: Calls) -> None:
    calls.infer(row())
    assert 'slipway_serve_requests_total{model="iris",code="200"}' in httpx.get(f"{many.url}/metrics").text
