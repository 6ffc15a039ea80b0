"""The V1 protocol, as TensorFlow Serving and KServe speak it."""

from typing import Any

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import ADDER, CLASSIFIER, identity, probabilities
from slipway_conformance.server import Refuted, Server, same

V1 = Group("v1", Source.EXTENSION, Level.RECOMMENDED)
_FP32 = identity("FP32")
_ROW = [5.0, 3.5, 1.5, 0.25]
_CLOSE = 1e-4


def _predict(server: Server, model: str, document: object) -> dict[str, Any]:
    answer: dict[str, Any] = server.post(f"/v1/models/{model}:predict", document).ok().json()
    return answer


@V1.case("list", "GET v1/models names the models", _FP32)
def models(server: Server) -> None:
    """The one that is asked for is among them."""
    if _FP32 not in server.get("/v1/models").ok().json()["models"]:
        raise Refuted(f"{_FP32} is not among them")


@V1.case("ready", "GET v1/models/M tells that it is ready", _FP32)
def ready(server: Server) -> None:
    """KServe's form; some servers write the truth as a text."""
    document = server.get(f"/v1/models/{_FP32}").ok().json()
    same(document["name"], _FP32, '"name"')
    if document["ready"] not in (True, "true", "True"):
        raise Refuted(f'"ready" is {document["ready"]!r}')


@V1.case("instances", "instances are rows, and so are predictions", CLASSIFIER)
def instances(server: Server) -> None:
    """Two equal rows."""
    found = _predict(server, CLASSIFIER, {"instances": [_ROW, _ROW]})["predictions"]
    wanted = probabilities([_ROW, _ROW])
    flat = [(a, b) for left, right in zip(found, wanted, strict=True) for a, b in zip(left, right, strict=True)]
    if any(abs(a - b) > _CLOSE for a, b in flat):
        raise Refuted(f"predictions are {found}, not {wanted}")


@V1.case("named", "a row of a model of several inputs is an object of them", ADDER)
def named(server: Server) -> None:
    """And so is a prediction of several outputs."""
    found = _predict(server, ADDER, {"instances": [{"left": 1, "right": 10}, {"left": 2, "right": 20}]})
    same(found["predictions"], [{"sum": 11.0, "difference": -9.0}, {"sum": 22.0, "difference": -18.0}], "predictions")


@V1.case("columns", "inputs are columns, and so are outputs", _FP32)
def columns(server: Server) -> None:
    """TensorFlow Serving's other form."""
    same(_predict(server, _FP32, {"inputs": [[1.0, 2.0]]})["outputs"], [[1.0, 2.0]], "outputs")


@V1.case("unknown-model", "an unknown model: 4xx with an error")
def unknown(server: Server) -> None:
    """KServe and TensorFlow Serving answer 404."""
    server.post("/v1/models/no-such-model:predict", {"instances": [[1]]}).refused()


@V1.case("no-instances", "a body without instances: 4xx with an error", _FP32)
def nothing(server: Server) -> None:
    """And without inputs."""
    server.post(f"/v1/models/{_FP32}:predict", {}).refused()


@V1.case("alive", 'GET / tells {"status": "alive"}: the kserve client of V1 asks it', source=Source.CLIENT)
def alive(server: Server) -> None:
    """As KServe's own server does."""
    same(server.get("/").ok().json()["status"], "alive", '"status"')
