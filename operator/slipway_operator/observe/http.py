"""``/livez``, ``/readyz`` and ``/metrics``."""

from collections.abc import Callable

from aiohttp import web

Check = Callable[[], str | None]
"""None when all is well, else what is wrong."""


async def serve(port: int, *, livez: Check, readyz: Check, metrics: Callable[[], bytes]) -> web.AppRunner:
    """Listen on all addresses; the caller cleans the runner up.

    Raises:
        OSError: the port is taken.
    """

    def answer(check: Check) -> web.Response:
        problem = check()
        return web.Response(text=(problem or "ok") + "\n", status=503 if problem else 200)

    async def live(_: web.Request) -> web.Response:
        return answer(livez)

    async def ready(_: web.Request) -> web.Response:
        return answer(readyz)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    application = web.Application()
    application.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/metrics", numbers)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, None, port).start()
    return runner
