"""The baseline of gRPC: the library's own server with a fixed answer, which parses nothing."""

import argparse
import asyncio
from typing import Any

import grpc
import numpy as np

from slipway_runtime.serve.grpc.inference_pb2 import ModelInferResponse
from tests.bench.serving.grpc_load import METHOD

_TENSOR = ModelInferResponse.InferOutputTensor(name="probabilities", datatype="FP32", shape=[1, 10])
_ANSWER = ModelInferResponse(
    model_name="m", model_version="1", outputs=[_TENSOR], raw_output_contents=[np.zeros(10, np.float32).tobytes()]
).SerializeToString()
_READY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def _answer(_: bytes, __: Any) -> bytes:
    return _ANSWER


async def _be_ready(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_READY)
    writer.close()


async def _serve(host: str, http_port: int, grpc_port: int) -> None:
    service, _, method = METHOD.removeprefix("/").partition("/")
    server = grpc.aio.server()
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(_answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"{host}:{grpc_port}")
    await server.start()
    await asyncio.start_server(_be_ready, host, http_port)
    await server.wait_for_termination()


def main() -> None:
    """Answer until killed; HTTP says just that the process is ready."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(options.host, options.http_port, options.grpc_port))


if __name__ == "__main__":
    main()
