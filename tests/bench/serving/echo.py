"""The baseline: granian reads the body and answers with bytes made beforehand; nothing is parsed or computed."""

import argparse
import asyncio
from typing import Any

from granian.constants import HTTPModes
from granian.server.embed import Server

ANSWER = b'{"model_name":"m","model_version":"1","outputs":[{"name":"probabilities","datatype":"FP32","shape":[1,10],"data":[' + b",".join([b"0.0123456"] * 10) + b"]}]}"


class Echo:
    """An RSGI application that does nothing."""

    async def __rsgi__(self, scope: Any, transport: Any) -> None:
        """Read, answer."""
        if scope.method == "POST":
            await transport()
        transport.response_bytes(200, [("content-type", "application/json")], ANSWER)


def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, required=True)
    options = parser.parse_args()
    server = Server(Echo(), address=options.host, port=options.http_port, http=HTTPModes.http1, websockets=False, log_enabled=False)
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
