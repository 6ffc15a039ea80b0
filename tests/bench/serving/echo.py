"""The baselines: granian with a fixed answer, and, with a model, the least that an inference over JSON can do.

The least: parse, one array, ``session.run``, write. Nothing is checked, counted or routed.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
from granian.constants import HTTPModes
from granian.server.embed import Server

_OUTPUT = {"name": "probabilities", "datatype": "FP32", "shape": [1, 10], "data": [0.0123456] * 10}
_ANSWER = json.dumps({"model_name": "m", "model_version": "1", "outputs": [_OUTPUT]}).encode()
_HEADERS = [("content-type", "application/json")]


class Echo:
    """Reads and answers, nothing else."""

    async def __rsgi__(self, scope: Any, transport: Any) -> None:
        if scope.method == "POST":
            await transport()
        transport.response_bytes(200, _HEADERS, _ANSWER)


class Least:
    """Infers without a single check."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    async def __rsgi__(self, scope: Any, transport: Any) -> None:
        if scope.method != "POST":
            transport.response_bytes(200, _HEADERS, _ANSWER)
            return
        tensor = orjson.loads(await transport())["inputs"][0]
        array = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
        (answer,) = self._session.run(None, {tensor["name"]: array})
        output = {"name": "probabilities", "datatype": "FP32", "shape": answer.shape, "data": answer.ravel()}
        document = {"model_name": "m", "model_version": "1", "outputs": [output]}
        transport.response_bytes(200, _HEADERS, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, help="ignored: this baseline speaks HTTP only")
    parser.add_argument("--model", type=Path, help="infer with this model; absent: answer with fixed bytes")
    options = parser.parse_args()
    server = Server(
        Least(options.model) if options.model else Echo(),
        address=options.host,
        port=options.http_port,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
