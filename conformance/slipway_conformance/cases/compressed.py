"""Compressed bodies, as HTTP knows them and tritonclient sends them."""

import gzip
import json
import zlib
from collections.abc import Callable
from functools import partial

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import identity
from slipway_conformance.server import Refuted, Server, infer_path, same
from slipway_conformance.tensors import behind, read, tensor, to_bytes, with_tensors

COMPRESSED = Group("compressed", Source.CLIENT, Level.RECOMMENDED)
_FP32 = identity("FP32")
_Way = Callable[[bytes], bytes]
_WAYS: dict[str, tuple[_Way, _Way]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
}


def _request(encoding: str, server: Server) -> None:
    body = json.dumps({"inputs": [tensor([1, 2], shape=[1, 2])]}).encode()
    packed = _WAYS[encoding][0](body)
    answer = server.ask("POST", infer_path(_FP32), packed, {"Content-Encoding": encoding})
    same(read(answer).outputs["output"].values, [1.0, 2.0], "the data")


def _binary(encoding: str, server: Server) -> None:
    body, headers = with_tensors({"inputs": [behind(8, shape=[1, 2])]}, to_bytes("FP32", [1, 2]))
    packed = _WAYS[encoding][0](body)
    answer = server.ask("POST", infer_path(_FP32), packed, {**headers, "Content-Encoding": encoding})
    same(read(answer).outputs["output"].values, [1.0, 2.0], "the data")


def _answer(encoding: str, server: Server) -> None:
    rows = 2_000
    body = json.dumps({"inputs": [tensor([0.5] * rows * 2, shape=[rows, 2])]}).encode()
    answer = server.ask("POST", infer_path(_FP32), body, {"Accept-Encoding": encoding}).ok()
    if answer.headers.get("content-encoding") != encoding:
        raise Refuted(f"content-encoding is {answer.headers.get('content-encoding')}, not {encoding}")
    headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
    unpacked = answer._replace(body=_WAYS[encoding][1](answer.body), headers=headers)
    same(read(unpacked).outputs["output"].values, [0.5] * rows * 2, "the data")


for _encoding in _WAYS:
    COMPRESSED.add(f"request-{_encoding}", f"a body in {_encoding} is read", partial(_request, _encoding), _FP32)
    COMPRESSED.add(
        f"binary-{_encoding}",
        f"the header tells the JSON's length before {_encoding}",
        partial(_binary, _encoding),
        _FP32,
    )
    COMPRESSED.add(
        f"answer-{_encoding}", f"a client that takes {_encoding} alone gets it", partial(_answer, _encoding), _FP32
    )


@COMPRESSED.case("broken", "a body that is not what its encoding says is refused", _FP32)
def broken(server: Server) -> None:
    """As 4xx."""
    server.ask("POST", infer_path(_FP32), b"not gzip", {"Content-Encoding": "gzip"}).refused()


@COMPRESSED.case("unknown", "an encoding that the server does not know is refused", _FP32)
def unknown(server: Server) -> None:
    """As 4xx; 415 is HTTP's own word."""
    server.ask("POST", infer_path(_FP32), b"x", {"Content-Encoding": "snappy-nobody-has"}).refused()
