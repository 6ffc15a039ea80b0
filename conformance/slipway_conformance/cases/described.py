"""Health, metadata, configuration, statistics and the index: what a server tells about itself."""

from functools import partial
from typing import Any

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import ADDER, CLASSIFIER, NAMES, identity
from slipway_conformance.server import REFUSED, NotOffered, Refuted, Server, same
from slipway_conformance.tensors import VALUES, tensor

HEALTH = Group("health", Source.PROTOCOL, Level.REQUIRED)
METADATA = Group("metadata", Source.PROTOCOL, Level.REQUIRED)
CONFIG = Group("config", Source.EXTENSION, Level.EXTENSION, "model_configuration")
STATISTICS = Group("statistics", Source.EXTENSION, Level.EXTENSION, "statistics")
INDEX = Group("index", Source.EXTENSION, Level.EXTENSION, "model_repository")
_FP32 = identity("FP32")


def _truth(path: str, key: str, server: Server) -> None:
    if server.get(path).ok().json().get(key) is not True:
        raise Refuted(f'"{key}" is not true')


def _ok(path: str) -> Any:
    return lambda server: server.get(path).ok()


HEALTH.add("live", "GET v2/health/live answers 200", _ok("/v2/health/live"))
HEALTH.add("ready", "GET v2/health/ready answers 200", _ok("/v2/health/ready"))
HEALTH.add("model", "GET v2/models/M/ready answers 200", _ok(f"/v2/models/{_FP32}/ready"), _FP32)
for _path, _key in (
    ("/v2/health/live", "live"),
    ("/v2/health/ready", "ready"),
    (f"/v2/models/{_FP32}/ready", "ready"),
):
    HEALTH.add(
        f"json-{_path.rsplit('/', 1)[1]}" if "health" in _path else "json-model",
        f'the answer holds {{"{_key}": true}}: the kserve client reads nothing else',
        partial(_truth, _path, _key),
        *((_FP32,) if "models" in _path else ()),
        source=Source.CLIENT,
        level=Level.RECOMMENDED,
    )


@HEALTH.case("unknown-model", "the readiness of an unknown model is not 200")
def unknown_is_not_ready(server: Server) -> None:
    """An error of any kind will do."""
    if server.get("/v2/models/no-such-model/ready").status not in REFUSED:
        raise Refuted("an unknown model is ready")


def _server_metadata(server: Server, path: str) -> None:
    document = server.get(path).ok().json()
    if not isinstance(document["name"], str) or not isinstance(document["version"], str):
        raise Refuted(f'"name" and "version" are texts: {document}')
    if not all(isinstance(extension, str) for extension in document["extensions"]):
        raise Refuted(f'"extensions" are texts: {document}')


METADATA.add("server", "GET v2 tells name, version and extensions", lambda server: _server_metadata(server, "/v2"))
METADATA.add(
    "slash",
    "so does GET v2/",
    lambda server: _server_metadata(server, "/v2/"),
    source=Source.CLIENT,
    level=Level.RECOMMENDED,
)


def _model(server: Server, name: str) -> dict[str, Any]:
    document: dict[str, Any] = server.get(f"/v2/models/{name}").ok().json()
    same(document["name"], name, '"name"')
    if not isinstance(document["platform"], str):
        raise Refuted(f'"platform" is a text: {document}')
    return document


def _shapes(tensors: list[dict[str, Any]]) -> dict[str, tuple[str, list[int]]]:
    return {one["name"]: (one["datatype"], one["shape"]) for one in tensors}


for _datatype in VALUES:

    def _identity(server: Server, datatype: str = _datatype) -> None:
        document = _model(server, identity(datatype))
        same(_shapes(document["inputs"]), {"input": (datatype, [-1, 2])}, '"inputs"')
        same(_shapes(document["outputs"]), {"output": (datatype, [-1, 2])}, '"outputs"')

    METADATA.add(
        f"model-{_datatype.lower()}", f"tensors of {_datatype} are told as such", _identity, identity(_datatype)
    )


@METADATA.case("tensors", "a model of several inputs and outputs tells all of them", ADDER)
def several_tensors(server: Server) -> None:
    """Order is not judged."""
    document = _model(server, ADDER)
    same(_shapes(document["inputs"]), {"left": ("FP32", [-1]), "right": ("FP32", [-1])}, '"inputs"')
    same(_shapes(document["outputs"]), {"sum": ("FP32", [-1]), "difference": ("FP32", [-1])}, '"outputs"')


def a_version(server: Server) -> str:
    """A version of the model that the cases of versions ask.

    Raises:
        NotOffered: the server tells of none.
    """
    versions = _model(server, _FP32).get("versions")
    if not versions:
        raise NotOffered("the metadata name no versions")
    return str(versions[0])


@METADATA.case("version", "GET v2/models/M/versions/V tells the same for the version that the metadata name", _FP32)
def version_path(server: Server) -> None:
    """The version is the one that the server itself tells."""
    same(server.get(f"/v2/models/{_FP32}/versions/{a_version(server)}").ok().json()["name"], _FP32, '"name"')


@METADATA.case("version-ready", "GET v2/models/M/versions/V/ready answers 200", _FP32)
def version_ready(server: Server) -> None:
    """As without a version."""
    server.get(f"/v2/models/{_FP32}/versions/{a_version(server)}/ready").ok()


@METADATA.case("unknown-version", "a version that is not there is refused", _FP32)
def unknown_version(server: Server) -> None:
    """As 4xx."""
    a_version(server)
    server.get(f"/v2/models/{_FP32}/versions/987654321").refused()


@CONFIG.case("config", "GET v2/models/M/config tells name, inputs and outputs", ADDER)
def config(server: Server) -> None:
    """In the words of Triton's model configuration."""
    document = server.get(f"/v2/models/{ADDER}/config").ok().json()
    same(document["name"], ADDER, '"name"')
    same(sorted(one["name"] for one in document["input"]), ["left", "right"], "names of the inputs")
    same({one["data_type"] for one in document["input"]}, {"TYPE_FP32"}, '"data_type"')
    same(sorted(one["name"] for one in document["output"]), ["difference", "sum"], "names of the outputs")


def _counted(server: Server) -> dict[str, Any]:
    (told,) = server.get(f"/v2/models/{_FP32}/stats").ok().json()["model_stats"]
    found: dict[str, Any] = told
    return found


@STATISTICS.case("counted", "three requests of one row raise the counters by three", _FP32)
def counted(server: Server) -> None:
    """Nobody else may ask this model meanwhile."""
    before = _counted(server)
    for _ in range(3):
        server.infer(_FP32, tensor([1, 2], shape=[1, 2])).ok()
    after = _counted(server)
    same(after["inference_count"] - before["inference_count"], 3, "the rise of inference_count")
    success = [told["inference_stats"]["success"] for told in (before, after)]
    same(success[1]["count"] - success[0]["count"], 3, "the rise of success.count")
    if success[1]["ns"] <= success[0]["ns"]:
        raise Refuted("success.ns did not rise")
    if not before["execution_count"] < after["execution_count"] <= before["execution_count"] + 3:
        raise Refuted(f"execution_count went from {before['execution_count']} to {after['execution_count']}")


@STATISTICS.case("not-counted", "a refused request raises no counter of success", _FP32)
def not_counted(server: Server) -> None:
    """Whether it counts as a failure is left to the server."""
    before = _counted(server)
    server.infer(_FP32, tensor([1, 2, 3], shape=[1, 3])).refused()
    after = _counted(server)
    same(after["inference_count"], before["inference_count"], "inference_count")
    same(after["inference_stats"]["success"]["count"], before["inference_stats"]["success"]["count"], "success.count")


@STATISTICS.case("all", "GET v2/models/stats tells all models", _FP32)
def all_models(server: Server) -> None:
    """The model that is asked for is among them."""
    stats = server.get("/v2/models/stats").ok().json()["model_stats"]
    if _FP32 not in {told["name"] for told in stats}:
        raise Refuted(f"{_FP32} is not among them")


def _index(server: Server, body: bytes, **headers: str) -> None:
    answer = server.ask("POST", "/v2/repository/index", body, headers).ok()
    told = {entry["name"]: entry for entry in answer.json()}
    if not told.keys() & set(NAMES):
        raise Refuted(f"none of the models is listed: {sorted(told)}")


INDEX.add("empty", "POST v2/repository/index takes a body of no bytes, as tritonclient sends", lambda s: _index(s, b""))
INDEX.add("object", "and an empty object", lambda s: _index(s, b"{}"))
INDEX.add("ready", 'and {"ready": true}', lambda s: _index(s, b'{"ready": true}'), CLASSIFIER)
