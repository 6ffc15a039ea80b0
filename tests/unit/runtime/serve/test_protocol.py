"""The Open Inference Protocol and /predict, over real HTTP to the real process."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.unit.runtime.serve.models import WEIGHTS

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [0.0, 0.0, 0.0, 0.0]]


def truth(rows: list[list[float]]) -> Any:
    logits = np.array(rows, np.float32) @ WEIGHTS
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def tensor(data: object, *, shape: list[int], datatype: str = "FP32", name: str = "input", **more: object) -> Any:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data, **more}


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/v2/models/iris/ready"])
def test_health(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json().get("live", response.json().get("ready")) is True


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata(client: httpx.Client, path: str) -> None:
    body = client.get(path).json()
    assert body.keys() == {"name", "version", "extensions"}
    assert body["extensions"] == ["binary_tensor_data", "classification", "model_configuration", "statistics"]


def test_model_metadata(client: httpx.Client, iris: tuple[Path, str]) -> None:
    version = iris[1].removeprefix("sha256:")[:12]
    expected = {
        "name": "iris",
        "versions": [version],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}],
    }
    assert client.get("/v2/models/iris").json() == expected
    assert client.get(f"/v2/models/iris/versions/{version}").json() == expected
    assert client.get(f"/v2/models/iris/versions/{version}/ready").json() == {"name": "iris", "ready": True}


@pytest.mark.parametrize("flat", [True, False])
def test_infer(client: httpx.Client, flat: bool) -> None:  # noqa: FBT001 - a parameter of the table
    data = [value for row in ROWS for value in row] if flat else ROWS
    body = {
        "id": "a-1",
        "parameters": {"priority": 3, "trace": True},
        "inputs": [tensor(data, shape=[3, 4], parameters={"note": "x"})],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": False}}],
    }
    response = client.post("/v2/models/iris/infer", json=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["id"] == "a-1"
    assert answer["model_name"] == "iris"
    (output,) = answer["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probabilities", "FP32", [3, 3])
    np.testing.assert_allclose(np.reshape(output["data"], (3, 3)), truth(ROWS), rtol=1e-5)


def test_infer_needs_no_content_type_and_echoes_no_id(client: httpx.Client) -> None:
    content = b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}'
    response = client.post("/v2/models/classifier/versions/1/infer", content=content)
    assert response.status_code == 200
    assert "id" not in response.json()


def test_infer_of_no_rows(client: httpx.Client) -> None:
    response = client.post("/v2/models/iris/infer", json={"inputs": [tensor([], shape=[0, 4])]})
    assert response.status_code == 200
    assert response.json()["outputs"][0]["shape"] == [0, 3]


def test_an_input_of_no_bytes_may_carry_null(client: httpx.Client) -> None:
    # The kserve client sends a tensor without elements so.
    empty = tensor(None, shape=[0, 4], parameters={"binary_data_size": 0})
    response = client.post("/v2/models/iris/infer", json={"inputs": [empty]})
    assert response.status_code == 200, response.text
    assert response.json()["outputs"][0]["shape"] == [0, 3]


def test_the_root_is_a_page_for_browsers_and_a_sign_of_life_for_programs(client: httpx.Client) -> None:
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/").json() == {"status": "alive"}


def test_large_request_is_answered_by_the_pool(client: httpx.Client) -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 4)).round(3).tolist()
    response = client.post("/v2/models/iris/infer", json={"inputs": [tensor(rows, shape=[2000, 4])]})
    assert response.status_code == 200
    np.testing.assert_allclose(np.reshape(response.json()["outputs"][0]["data"], (-1, 3)), truth(rows), rtol=1e-4)


def test_body_without_length(client: httpx.Client) -> None:
    chunks = iter([b'{"inputs":[{"name":"input","shape":[1,4],', b'"datatype":"FP32","data":[1,2,3,4]}]}'])
    assert client.post("/v2/models/iris/infer", content=chunks).status_code == 200


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", [True, False]),
        ("UINT8", [0, 255]),
        ("UINT16", [0, 65535]),
        ("UINT32", [0, 2**32 - 1]),
        ("UINT64", [1, 2**64 - 1]),
        ("INT8", [-128, 127]),
        ("INT16", [-32768, 32767]),
        ("INT32", [-(2**31), 2**31 - 1]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("FP16", [0.5, -65504.0]),
        ("FP32", [1, 3.4028234663852886e38]),
        ("FP64", [1e-300, 0.1]),
        ("BYTES", ["", "naïve 日本\u0000"]),
    ],
)
def test_every_datatype_survives(client: httpx.Client, datatype: str, values: list[Any]) -> None:
    body = {"inputs": [tensor(values, shape=[1, 2], datatype=datatype)]}
    response = client.post(f"/v2/models/{datatype.lower()}/infer", json=body)
    assert response.status_code == 200, response.text
    (output,) = response.json()["outputs"]
    assert output["datatype"] == datatype
    assert output["data"] == values or np.allclose(output["data"], values, rtol=1e-6)


def test_predict_names_classes(client: httpx.Client) -> None:
    response = client.post("/models/iris/predict", json={"input_data": ROWS, "probabilities": True})
    names = ["setosa", "versicolor", "virginica"]
    assert response.json()["prediction"] == [names[index] for index in truth(ROWS).argmax(axis=1)]
    assert response.json()["classes"] == names
    np.testing.assert_allclose(response.json()["probabilities"], truth(ROWS), rtol=1e-5)


def test_predict_without_names_gives_indices(client: httpx.Client) -> None:
    response = client.post("/predict", json={"model": "classifier", "input_data": ROWS})
    assert response.json()["prediction"] == truth(ROWS).argmax(axis=1).tolist()


@pytest.mark.parametrize("rows", [[[1, 2, 3, 4], [0, 0, 0, 1]], [[[1, 2], [3, 4]], [[0, 0], [0, 1]]]])
def test_predict_takes_rows_flat_or_nested(client: httpx.Client, rows: object) -> None:
    assert client.post("/models/regressor/predict", json={"input_data": rows}).json()["prediction"] == [10.0, 1.0]


def test_predict_with_several_inputs(client: httpx.Client) -> None:
    body = {"input_data": {"left": [1, 2], "right": [10, 20]}}
    assert client.post("/models/adder/predict", json=body).json()["prediction"] == [11.0, 22.0]


def test_metrics_count_requests(client: httpx.Client) -> None:
    client.post("/models/regressor/predict", json={"input_data": [[1, 2, 3, 4]]})
    client.post("/models/regressor/predict", json={"input_data": "x"})
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    assert lines["slipway_serve_ready"] == "1"
    good = int(lines['slipway_serve_requests_total{model="regressor",code="200"}'])
    bad = int(lines['slipway_serve_requests_total{model="regressor",code="400"}'])
    assert good >= 1
    assert bad >= 1
    assert int(lines['slipway_serve_request_seconds_count{model="regressor"}']) == good + bad
