"""Runs the cells of one family of clients against one server and prints them as JSON, in the clients' environment.

python -m tests.clients.matrix tritonclient http://127.0.0.1:8080 127.0.0.1:8081
"""

import asyncio
import json
import logging
import sys
from urllib.parse import urlsplit

from tests.clients.cells import done

Told = list[dict[str, str]]


async def tritonclient(url: str, address: str) -> Told:
    """Cells of tritonclient."""
    import tritonclient.grpc
    import tritonclient.grpc.aio
    import tritonclient.http
    import tritonclient.http.aio
    from tests.clients.triton import TRITON, Triton
    from tests.clients.triton_infer import INFER

    cells: Told = []
    for module, http in (
        (tritonclient.http, True),
        (tritonclient.http.aio, True),
        (tritonclient.grpc, False),
        (tritonclient.grpc.aio, False),
    ):
        client = module.InferenceServerClient(urlsplit(url).netloc if http else address)
        adaptor, name = Triton(module, client, http=http), module.__name__
        for table in (TRITON, INFER):
            cells += await table.run(name, adaptor)
        await done(client.close())
    return cells


async def kserve(url: str, address: str) -> Told:
    """Cells of KServe's clients."""
    from kserve import InferenceGRPCClient
    from tests.clients import kserve_grpc, kserve_rest

    cells: Told = []
    for table, protocol in ((kserve_rest.REST, "v2"), (kserve_rest.V1, "v1")):
        cells += await table.run(f"kserve REST {protocol}", kserve_rest.Kserve(url, protocol))
    client = InferenceGRPCClient(address, timeout=20)
    cells += await kserve_grpc.GRPC.run("kserve gRPC", client)
    await client.close()
    return cells


# Both bring protobuf messages of the same names, so they cannot share a process.
FAMILIES = {"tritonclient": tritonclient, "kserve": kserve}


if __name__ == "__main__":
    # Both log every refusal that a cell asks for.
    logging.disable(logging.CRITICAL)
    family, *addresses = sys.argv[1:]
    print(json.dumps(asyncio.run(FAMILIES[family](*addresses))))
