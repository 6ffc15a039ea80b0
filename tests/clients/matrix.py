"""Runs all cells against one server and prints them as JSON; for the environment of ``environment.clients_python``.

python -m tests.clients.matrix http://127.0.0.1:8080 [127.0.0.1:8081]
"""

import asyncio
import json
import logging
import sys
from typing import Any
from urllib.parse import urlsplit

from tests.clients import kserve_grpc, kserve_rest
from tests.clients.cells import done
from tests.clients.triton import TRITON, Triton


async def rest(url: str) -> list[dict[str, str]]:
    """Cells of the clients that speak HTTP."""
    import tritonclient.http
    import tritonclient.http.aio

    cells = []
    for module in (tritonclient.http, tritonclient.http.aio):
        client = module.InferenceServerClient(urlsplit(url).netloc)
        cells += await _with(client, TRITON.run(module.__name__, Triton(module, client, http=True)))
    for table, protocol in ((kserve_rest.REST, "v2"), (kserve_rest.V1, "v1")):
        cells += await table.run(f"kserve REST {protocol}", kserve_rest.Kserve(url, protocol))
    return cells


async def grpc(address: str) -> list[dict[str, str]]:
    """Cells of the clients that speak gRPC."""
    import tritonclient.grpc
    import tritonclient.grpc.aio
    from kserve import InferenceGRPCClient

    cells = []
    for module in (tritonclient.grpc, tritonclient.grpc.aio):
        client = module.InferenceServerClient(address)
        cells += await _with(client, TRITON.run(module.__name__, Triton(module, client, http=False)))
    kserve = InferenceGRPCClient(address, timeout=20)
    return cells + await _with(kserve, kserve_grpc.GRPC.run("kserve gRPC", kserve))


async def _with(client: Any, cells: Any) -> Any:
    try:
        return await cells
    finally:
        await done(client.close())


async def main(url: str, address: str | None) -> None:
    """Print every cell."""
    cells = await rest(url)
    if address:
        cells += await grpc(address)
    print(json.dumps(cells))


if __name__ == "__main__":
    # Both libraries log every refusal that a cell asks for.
    logging.disable(logging.CRITICAL)
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
