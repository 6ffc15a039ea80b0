"""Start, failure to start, and draining, with real processes and signals."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.runtime.serve.models import write_classifier, write_identity, write_opset, write_slow
from tests.unit.runtime.serve.process import Served, started

from slipway_runtime.artifact import publish
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.storage.uri import Mounts, open_uri

ROW = {"input_data": [[1, 2, 3, 4]]}


def test_drain_under_load_fails_no_request(tmp_path: Path, iris: tuple[Path, str]) -> None:
    """Clients with and without kept connections ask all the while; they leave when they see readiness gone, as a
    Service's clients do, and until then every request is answered."""
    begun = threading.Barrier(5)

    def ask(served: Served, *, keep: bool) -> list[int]:
        codes: list[int] = []
        unready_at: float | None = None
        waiting = True
        with httpx.Client(base_url=served.url, timeout=30) as client:
            while unready_at is None or time.monotonic() - unready_at < 0.5:
                headers = {} if keep else {"connection": "close"}
                codes.append(client.post("/predict", json=ROW, headers=headers).status_code)
                if waiting and len(codes) > 20:
                    begun.wait(60)
                    waiting = False
                if unready_at is None and client.get("/v2/health/ready", headers=headers).status_code != 200:
                    unready_at = time.monotonic()
        return codes

    with started(tmp_path, "--model", f"iris={iris[0]}", "--drain-grace", "3") as served:
        served.wait_ready()
        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, served, keep=keep) for keep in (True, True, False, False)]
            begun.wait(60)
            served.terminate()
            codes = [code for future in asking for code in future.result()]
        assert served.wait() == ExitCode.DONE
    assert len(codes) > 80
    assert set(codes) == {200}


def test_drain_finishes_what_is_in_flight(tmp_path: Path) -> None:
    write_slow(tmp_path / "slow.onnx", size=256, repeats=20)
    rows = {"input_data": [[0.5]] * 30_000}
    with started(tmp_path, "--model", f"slow={tmp_path / 'slow.onnx'}", "--drain-grace", "0") as served:
        served.wait_ready()
        with httpx.Client(base_url=served.url, timeout=120) as asking, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(asking.post, "/predict", json=rows)
            while "slipway_serve_in_flight 2" not in httpx.get(f"{served.url}/metrics").text:
                assert not answer.done(), "the request ended before it could be seen in flight"
            served.terminate()
            response = answer.result()
        assert served.wait() == ExitCode.DONE
    assert response.status_code == 200
    assert len(response.json()["prediction"]) == 30_000
    assert response.headers["connection"] == "close"


def test_a_terminated_server_is_unready_but_live(tmp_path: Path, iris: tuple[Path, str]) -> None:
    with started(tmp_path, "--model", f"iris={iris[0]}", "--drain-grace", "2") as served:
        served.wait_ready()
        served.terminate()
        while (response := httpx.get(f"{served.url}/v2/health/ready")).status_code == 200:
            time.sleep(0.01)
        assert response.status_code == 503
        assert response.json() == {"ready": False, "error": "not ready: draining"}
        assert httpx.get(f"{served.url}/v2/health/live").status_code == 200
        assert served.wait() == ExitCode.DONE


def test_one_model_is_the_default_and_its_digest_is_logged(tmp_path: Path, iris: tuple[Path, str]) -> None:
    with started(tmp_path, "--model", f"iris={iris[0]}") as served:
        served.wait_ready()
        assert httpx.post(f"{served.url}/predict", json=ROW).status_code == 200
        loaded = next(line for line in served.log_lines() if line["message"] == "model loaded")
    assert loaded["digest"] == iris[1]


def test_artifact_uri(tmp_path: Path, iris: tuple[Path, str]) -> None:
    (tmp_path / "store").mkdir()
    reference = publish(iris[0], open_uri(str(tmp_path / "store"), Mounts()))
    uri = f"file://{tmp_path}/store/manifests/{reference.digest.removeprefix('sha256:')}"
    with started(tmp_path, "--model", f"iris={uri}") as served:
        served.wait_ready()
        assert httpx.post(f"{served.url}/predict", json=ROW).json()["prediction"][0] in {
            "setosa",
            "versicolor",
            "virginica",
        }


def test_a_file_of_another_library_must_be_converted_first(tmp_path: Path) -> None:
    manifest = tmp_path / "service.yaml"
    manifest.write_text("kind: ModelService\nmetadata: {name: m}\nspec: {model: {uri: s3://b/m.keras}}\n")
    with started(tmp_path, "--spec", str(manifest)) as served:
        assert served.wait() == ExitCode.CONFIG_ERROR
        assert "run slipway-convert on it" in served.log_text()


def test_spec_of_a_model_service(tmp_path: Path, iris: tuple[Path, str]) -> None:
    manifest = tmp_path / "service.yaml"
    manifest.write_text(
        f"apiVersion: slipway.dev/v1alpha1\nkind: ModelService\nmetadata: {{name: flowers}}\n"
        f"spec: {{replicas: 3, model: {{uri: 'file://{iris[0]}'}}}}\n"
    )
    with started(tmp_path, "--spec", str(manifest)) as served:
        served.wait_ready()
        assert httpx.get(f"{served.url}/v2/models/flowers").status_code == 200
        assert "spec.replicas is ignored: it only means something on Kubernetes" in served.log_text()


def corrupt(directory: Path) -> str:
    (directory / "m.onnx").write_bytes(b"\x08\x0a this is no model" * 20)
    return f"m={directory}/m.onnx"


def truncated(directory: Path) -> str:
    write_slow(directory / "m.onnx", size=64, repeats=2)
    content = (directory / "m.onnx").read_bytes()
    (directory / "m.onnx").write_bytes(content[: len(content) // 2])
    return f"m={directory}/m.onnx"


def newer_opset(directory: Path) -> str:
    write_opset(directory / "m.onnx", opset=99, ir_version=10)
    return f"m={directory}/m.onnx"


def newer_format(directory: Path) -> str:
    write_opset(directory / "m.onnx", opset=20, ir_version=99)
    return f"m={directory}/m.onnx"


def tiny_floats(directory: Path) -> str:
    from onnx import TensorProto

    write_identity(directory / "m.onnx", TensorProto.FLOAT8E5M2)
    return f"m={directory}/m.onnx"


def tampered(directory: Path) -> str:
    from tests.unit.runtime.serve.conftest import write_iris_package

    write_iris_package(directory / "package")
    write_identity(directory / "package" / "model.onnx", 1)
    return f"m={directory}/package"


def no_manifest(directory: Path) -> str:
    write_classifier(directory / "model.onnx")
    return f"m={directory}"


def missing(directory: Path) -> str:
    return f"m={directory}/none.onnx"


def missing_uri(directory: Path) -> str:
    return f"m=file://{directory}/manifests/{'0' * 64}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (corrupt, ('model "m" does not load', "corrupt", "m.onnx")),
        (truncated, ('model "m" does not load', "corrupt, truncated")),
        (newer_opset, ("newer ONNX", "opset 20")),
        (newer_format, ("newer ONNX", "opset 20")),
        (tiny_floats, ('"input"', "float8", "cannot be served")),
        (tampered, ("sha256", "promises")),
        (no_manifest, ("slipway.json", "does not exist")),
        (missing, ("none.onnx", "does not exist")),
        (missing_uri, ("manifests",)),
        (lambda _: "m", ("NAME=DIR",)),
        (lambda _: "a/b=x.onnx", ("NAME=DIR",)),
    ],
)
def test_what_cannot_be_served_says_why(tmp_path: Path, make: Any, words: tuple[str, ...]) -> None:
    termination = tmp_path / "termination-log"
    termination.touch()
    with started(tmp_path, "--model", make(tmp_path), env={"SLIPWAY_TERMINATION_LOG": str(termination)}) as served:
        code = served.wait()
    summary = json.loads(termination.read_text())
    assert code == ExitCode.CONFIG_ERROR, served.log_text()
    assert summary["outcome"] == "ConfigError"
    assert served.log_lines()[-1]["message"] == summary["message"]
    for word in words:
        assert word in summary["message"]


def test_taken_port_is_said(tmp_path: Path, iris: tuple[Path, str], many: Served) -> None:
    termination = tmp_path / "termination-log"
    env = {"SLIPWAY_TERMINATION_LOG": str(termination)}
    with started(tmp_path, "--model", f"iris={iris[0]}", env=env, port=many.port) as served:
        assert served.wait() == ExitCode.CONFIG_ERROR
    assert str(many.port) in json.loads(termination.read_text())["message"]
