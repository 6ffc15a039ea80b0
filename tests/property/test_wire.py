"""No bytes on the wire bring the server down: no answer of 5xx, no hang, no end, no growth."""

import http.client
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.runtime.serve.process import Served, started

from slipway_conformance.models import ADDER, CLASSIFIER, SCALAR, identity, write_models

MODELS = (ADDER, CLASSIFIER, SCALAR, identity("FP32"), identity("BYTES"), identity("BF16"), identity("BOOL"))
DATATYPES = ("BOOL", "INT8", "UINT64", "FP16", "FP32", "FP64", "BF16", "BYTES", "FLOAT", "", 3)
ANSWER_SECONDS = 10
GROWTH_BYTES = 30 * 1024 * 1024
EXAMPLES = settings(
    max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


class Wire:
    """One connection that is kept, and opened again when the server has closed it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=ANSWER_SECONDS)

    def ask(self, method: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, named)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status < 500, (response.status, content)
        if response.status >= 400 and method != "HEAD":
            assert response.headers["content-type"] == "application/json", response.headers
            assert json.loads(content).keys() == {"error"}
        return response.status, content

    def close(self) -> None:
        self._connection.close()

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.served.process.pid}/status").read_text(encoding="utf-8")
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    directory = tmp_path_factory.mktemp("wire")
    write_models(directory)
    arguments = [word for name in MODELS for word in ("--model", f"{name}={directory / name}.onnx")]
    with started(directory, *arguments, "--max-body-mib", "1") as served:
        served.wait_ready()
        wire = Wire(served)
        # What the first large bodies leave in the allocators is no growth.
        for model in MODELS:
            for size in (10, 200_000):
                wire.ask("POST", f"/v2/models/{model}/infer", good(model, rows=size // 8))
        before = wire.resident_bytes()
        yield wire
        assert served.process.poll() is None
        assert wire.ask("POST", f"/v2/models/{ADDER}/infer", good(ADDER, rows=2))[0] == 200
        assert wire.resident_bytes() - before < GROWTH_BYTES
        wire.close()
        assert "request failed" not in served.log_text()


def good(model: str, rows: int) -> bytes:
    """A request that the model answers, as far as ``rows`` fits into a body."""
    return json.dumps(document(model, rows)).encode()


def document(model: str, rows: int) -> dict[str, Any]:
    datatype = model.removeprefix("identity_").upper() if model.startswith("identity_") else "FP32"
    element: Any = {"BOOL": True, "BYTES": "é"}.get(datatype, 1.5)
    shapes: dict[str, dict[str, list[int]]] = {
        ADDER: {"left": [rows], "right": [rows]},
        CLASSIFIER: {"input": [rows, 4]},
        SCALAR: {"input": []},
    }
    inputs = []
    for name, shape in shapes.get(model, {"input": [rows, 2]}).items():
        size = 1
        for dim in shape:
            size *= dim
        inputs.append({"name": name, "datatype": datatype, "shape": shape, "data": [element] * size})
    return {"id": "1", "parameters": {"binary_data_output": False}, "inputs": inputs, "outputs": []}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("input", "FP32", "BYTES", "output", "probabilities", [1, 2], [0], [2**62, 2], [-1, 2]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)
DOCUMENTS = [document(model, 2) for model in MODELS]
DOCUMENTS += [{"input_data": [[1, 2]], "probabilities": True, "model": identity("FP32")}]
DOCUMENTS += [
    {"instances": [{"left": 1, "right": 2}]},
    {"inputs": {"input": [[1, 2]]}},
    {"instances": [{"b64": "AA=="}]},
]
PATHS = [f"/v2/models/{model}/infer" for model in MODELS]
PATHS += [f"/v1/models/{model}:predict" for model in MODELS] + [f"/models/{model}/predict" for model in MODELS]
PATHS += ["/predict", "/v2/repository/index", f"/v2/repository/models/{ADDER}/load"]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good document with a few of its places deleted, doubled or replaced."""
    whole = json.loads(json.dumps(draw(st.sampled_from(DOCUMENTS))))
    for _ in range(draw(st.integers(1, 3))):
        holder = whole
        while isinstance(holder, dict | list) and holder:
            key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
            inner = holder[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                holder = inner
                continue
            match draw(st.integers(0, 2)):
                case 0:
                    del holder[key]
                case 1 if isinstance(holder, list):
                    holder.insert(key, inner)
                case _:
                    holder[key] = draw(VALUES)
            break
    return json.dumps(whole, allow_nan=True).encode(errors="surrogatepass")


@EXAMPLES
@given(st.sampled_from(PATHS), mutated())
def test_mutated_documents(wire: Wire, path: str, body: bytes) -> None:
    wire.ask("POST", path, body)


@st.composite
def binary(draw: st.DrawFn) -> tuple[bytes, str]:
    """JSON with tensors behind it, in which sizes, shapes, types and lengths may all be wrong."""
    sizes = st.integers(0, 40) | st.sampled_from((-1, 2**31, 2**62, 2**70, "8", None, 1.5))
    inputs = [
        {
            "name": draw(st.sampled_from(("input", "left", "right"))),
            "datatype": draw(st.sampled_from(DATATYPES)),
            "shape": draw(st.lists(st.integers(0, 6) | st.sampled_from((-1, 2**62, 2**64, True, "2")), max_size=3)),
            "parameters": {"binary_data_size": draw(sizes)},
        }
        for _ in range(draw(st.integers(0, 3)))
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    lengths = st.just(len(head)) | st.integers(0, len(head) + 50) | st.sampled_from((2**62, -1, "x", "", "1e3", "²"))
    return head + draw(st.binary(max_size=80)), str(draw(lengths))


@EXAMPLES
@given(st.sampled_from(MODELS), binary())
def test_binary_bodies(wire: Wire, model: str, request: tuple[bytes, str]) -> None:
    body, length = request
    length = length.encode().decode("latin-1")
    wire.ask("POST", f"/v2/models/{model}/infer", body, inference_header_content_length=length)


@EXAMPLES
@given(st.integers(0, 4), st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 9), max_size=6), st.binary(max_size=30))
def test_lengths_of_texts(wire: Wire, rows: int, lengths: list[int], rest: bytes) -> None:
    raw = b"".join(struct.pack("<I", length) + rest for length in lengths)
    tensor = {"name": "input", "datatype": "BYTES", "shape": [rows, 2], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    wire.ask(
        "POST", f"/v2/models/{identity('BYTES')}/infer", head + raw, inference_header_content_length=str(len(head))
    )


@EXAMPLES
@given(
    st.sampled_from(PATHS),
    st.integers(1, 150_000),
    st.sampled_from((b"[", b'{"a":', b'{"inputs":[{"data":[', b'{"input_data":[', b'{"instances":[')),
    st.booleans(),
)
@example(PATHS[0], 150_000, b"[", True)  # noqa: FBT003 - hypothesis takes them by position
def test_deep_nesting(wire: Wire, path: str, depth: int, opening: bytes, closed: bool) -> None:  # noqa: FBT001
    body = opening * (depth // len(opening) + 1)
    wire.ask("POST", path, body + (b"]" * depth if closed else b""))


@EXAMPLES
@given(
    st.sampled_from(PATHS),
    st.binary(max_size=300) | st.sampled_from([zlib.compress(good(model, 5)) for model in MODELS]),
    st.sampled_from(("gzip", "deflate", "identity", "br", "x-gzip", "GZIP", "gzip, deflate", "")),
    st.integers(-8, 8),
)
@example(PATHS[0], zlib.compress(b"0" * 50_000_000, 9), "deflate", 0)
def test_encodings(wire: Wire, path: str, body: bytes, encoding: str, cut: int) -> None:
    wire.ask("POST", path, body[:cut] if cut < 0 else body + b"x" * cut, content_encoding=encoding)


WORDS = ["v1", "v2", "models", "infer", "stats", "config", "repository", "index", "load", "health", "versions", "1"]
WORDS += ["ready", "predict", ADDER, "", "..", "%00", "%ff", "a:predict", f"{ADDER}:predict", "docs", "metrics"]
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")


@EXAMPLES
@given(st.sampled_from(METHODS), st.lists(st.sampled_from(WORDS), max_size=6), st.binary(max_size=20))
def test_paths_and_methods(wire: Wire, method: str, words: list[str], body: bytes) -> None:
    wire.ask(method, "/" + "/".join(words), body)
