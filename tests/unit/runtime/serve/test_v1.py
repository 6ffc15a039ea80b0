"""The V1 protocol, and the documents for people, over real HTTP to the real process."""

import base64
from typing import Any

import httpx
import numpy as np
import pytest
from tests.unit.runtime.serve.test_protocol import ROWS, truth


def predict(client: httpx.Client, model: str, **document: Any) -> httpx.Response:
    return client.post(f"/v1/models/{model}:predict", json=document)


def test_models(client: httpx.Client) -> None:
    assert "iris" in client.get("/v1/models").json()["models"]
    assert client.get("/v1/models/iris").json() == {"name": "iris", "ready": True}


def test_rows(client: httpx.Client) -> None:
    answer = predict(client, "iris", instances=ROWS, signature_name="serving_default").json()
    np.testing.assert_allclose(answer["predictions"], truth(ROWS), rtol=1e-5)
    assert answer.keys() == {"predictions"}


def test_columns(client: httpx.Client) -> None:
    np.testing.assert_allclose(predict(client, "iris", inputs=ROWS).json()["outputs"], truth(ROWS), rtol=1e-5)
    np.testing.assert_allclose(
        predict(client, "iris", inputs={"input": ROWS}).json()["outputs"], truth(ROWS), rtol=1e-5
    )


def test_rows_of_several_inputs(client: httpx.Client) -> None:
    rows = [{"left": 1, "right": 10}, {"left": 2, "right": 20}]
    assert predict(client, "adder", instances=rows).json() == {"predictions": [11.0, 22.0]}
    columns = {"left": [1, 2], "right": [10, 20]}
    assert predict(client, "adder", inputs=columns).json() == {"outputs": [11.0, 22.0]}


def test_text_may_be_base64(client: httpx.Client) -> None:
    packed = {"b64": base64.b64encode("grüße".encode()).decode()}
    assert predict(client, "bytes", instances=[["a", packed]]).json() == {"predictions": [["a", "grüße"]]}


@pytest.mark.parametrize(
    ("model", "document", "words"),
    [
        ("iris", {}, ('"instances"', '"inputs"')),
        ("iris", {"instances": ROWS, "inputs": ROWS}, ('"instances"', '"inputs"')),
        ("iris", {"instances": 1}, ('"instances"', "rows")),
        ("iris", {"instances": []}, ('"instances"', "rows")),
        ("iris", {"instances": [[1, 2]]}, ('"input"', "[-1, 4]")),
        ("iris", {"instances": ROWS, "signature_name": "other"}, ('"signature_name"',)),
        ("iris", {"inputs": {"x": ROWS}}, ('"x"', "input")),
        ("adder", {"instances": [1, 2]}, ("left", "right")),
        ("adder", {"instances": [{"left": 1, "right": 2}, {"left": 1}]}, ('"instances"[1]',)),
        ("adder", {"instances": [{"left": 1}]}, ('"right" is missing',)),
        ("adder", {"inputs": [1]}, ("left", "right")),
        ("bytes", {"instances": [["a", {"b64": "?"}]]}, ("base64",)),
        ("bytes", {"instances": [["a", {"b64": "/w=="}]]}, ("UTF-8",)),
    ],
)
def test_wrong_documents(client: httpx.Client, model: str, document: Any, words: tuple[str, ...]) -> None:
    response = predict(client, model, **document)
    assert response.status_code == 400
    for word in words:
        assert word in response.json()["error"]


def test_classification_gives_the_best_classes_with_their_names(client: httpx.Client) -> None:
    wish = {"name": "probabilities", "parameters": {"classification": 2}}
    tensor = {"name": "input", "datatype": "FP32", "shape": [3, 4], "data": ROWS}
    response = client.post("/v2/models/iris/infer", json={"inputs": [tensor], "outputs": [wish]})
    (output,) = response.json()["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [3, 2])
    names = ("setosa", "versicolor", "virginica")
    for row, (first, second) in zip(truth(ROWS), np.reshape(output["data"], (3, 2)), strict=True):
        best = np.argsort(-row)
        assert first.split(":")[1:] == [str(best[0]), names[best[0]]]
        assert float(second.split(":")[0]) == pytest.approx(row[best[1]], abs=1e-5)


def test_what_has_no_scores_has_no_classes(client: httpx.Client) -> None:
    wish = {"name": "output", "parameters": {"classification": 1}}
    tensor = {"name": "input", "datatype": "BYTES", "shape": [1, 2], "data": ["a", "b"]}
    response = client.post("/v2/models/bytes/infer", json={"inputs": [tensor], "outputs": [wish]})
    assert response.status_code == 400
    assert '"output" has no scores' in response.json()["error"]


def test_the_documents_tell_what_works(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            examples = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples")
            for name, example in (examples or {"iris": {"value": None}}).items():
                response = client.request(verb, path.replace("{model}", name), json=example["value"])
                assert response.status_code == 200, (path, name, response.text)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_for_browsers_and_loads_nothing_from_elsewhere(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")
    assert "/v2/models/{model}/infer" in response.text
    assert "http://" not in response.text
    assert "https://" not in response.text


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    response = client.head("/v2/health/ready")
    assert (response.status_code, response.content) == (200, b"")
