"""Configuration, statistics, and models that requests load and unload."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.runtime.serve.models import write_classifier, write_regressor
from tests.unit.runtime.serve.process import Served, started

ROW = {"inputs": [{"name": "input", "shape": [2, 4], "datatype": "FP32", "data": [0] * 8}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repository")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    write_classifier(folder / "a.onnx")
    write_regressor(folder / "b.onnx")
    with started(folder, "--model", f"a={folder}/a.onnx", "--model", f"b={folder}/b.onnx", "--admin") as process:
        process.wait_ready()
        yield process


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as opened:
        yield opened


def statistics(client: httpx.Client, model: str) -> dict[str, Any]:
    (one,) = client.get(f"/v2/models/{model}/stats").json()["model_stats"]
    return dict(one)


def index(client: httpx.Client, **body: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in client.post("/v2/repository/index", json=body).json()}


def test_the_extension_is_told_only_where_it_works(client: httpx.Client) -> None:
    assert "model_repository" in client.get("/v2").json()["extensions"]


def test_configuration(client: httpx.Client) -> None:
    config = client.get("/v2/models/a/config").json()
    assert (config["name"], config["platform"], config["backend"]) == ("a", "onnx_onnxv1", "onnx")
    assert config["max_batch_size"] == 0
    assert config["input"] == [{"name": "input", "data_type": "TYPE_FP32", "dims": [-1, 4]}]


def test_statistics_count_what_was_asked(client: httpx.Client) -> None:
    before = statistics(client, "a")
    for _ in range(3):
        assert client.post("/v2/models/a/infer", json=ROW).status_code == 200
    assert client.post("/v2/models/a/infer", json={"inputs": []}).status_code == 400
    after = statistics(client, "a")
    assert after["inference_count"] - before["inference_count"] == 6
    assert after["execution_count"] - before["execution_count"] == 3
    old, new = before["inference_stats"], after["inference_stats"]
    assert new["success"]["count"] - old["success"]["count"] == 3
    assert new["fail"]["count"] - old["fail"]["count"] == 1
    parts = sum(
        new[part]["ns"] - old[part]["ns"] for part in ("queue", "compute_input", "compute_infer", "compute_output")
    )
    assert parts == pytest.approx(new["success"]["ns"] - old["success"]["ns"], rel=0.01)
    assert {one["batch_size"] for one in after["batch_stats"]} == {2}
    assert after["last_inference"] > before["last_inference"]
    names = [one["name"] for one in client.get("/v2/models/stats").json()["model_stats"]]
    assert names == ["a", "b"]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_a_model_is_unloaded_and_loaded_again(client: httpx.Client, body: bytes) -> None:
    assert index(client) == {"a": "READY", "b": "READY"}
    assert client.post("/v2/repository/models/b/unload", content=body).json() == {}
    assert index(client) == {"a": "READY", "b": "UNAVAILABLE"}
    assert index(client, ready=True) == {"a": "READY"}
    for path in ("/v2/models/b", "/v2/models/b/ready", "/v1/models/b"):
        refused = client.get(path)
        assert refused.status_code == 503
        assert "unloaded" in refused.json()["error"]
    assert client.get("/v2/health/ready").status_code == 200
    assert client.post("/v2/repository/models/b/load", content=body).json() == {}
    assert index(client) == {"a": "READY", "b": "READY"}
    assert client.get("/v2/models/b/ready").json() == {"name": "b", "ready": True}


@pytest.mark.parametrize(
    ("path", "body", "status", "word"),
    [
        ("none/load", {}, 404, '"none"'),
        ("none/unload", {}, 404, '"none"'),
        ("a/load", {"parameters": {"config": "{}"}}, 501, "config"),
        ("a/load", {"parameters": 1}, 400, '"parameters"'),
    ],
)
def test_what_cannot_be_loaded(client: httpx.Client, path: str, body: Any, status: int, word: str) -> None:
    response = client.post(f"/v2/repository/models/{path}", json=body)
    assert response.status_code == status
    assert word in response.json()["error"]


def test_a_model_that_does_not_load_any_more_leaves_the_old_one(client: httpx.Client, folder: Path) -> None:
    path = folder / "a.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        response = client.post("/v2/repository/models/a/load")
        assert response.status_code == 400
        assert "corrupt" in response.json()["error"]
        assert client.post("/v2/models/a/infer", json=ROW).status_code == 200
    finally:
        path.write_bytes(whole)
