"""What a training pod answers on its progress port, under a test's control."""

import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from slipway_runtime.spec.progress import PROGRESS_PORT, Progress


class ProgressPage:
    """A real HTTP server on an address of its own; the step it tells is the number of times it was asked.

    Once ``frozen`` the step stays, and only the estimate of the time left still moves.
    """

    def __init__(self) -> None:
        # All of 127.0.0.0/8 is this machine, so runs beside each other can have the same port.
        self.address = ".".join(["127", *(str(secrets.randbelow(254) + 1) for _ in range(3))])
        self.polls = 0
        self.frozen: int | None = None
        self._server = ThreadingHTTPServer((self.address, PROGRESS_PORT), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def freeze(self) -> int:
        """Stay at the present step, which is returned."""
        self.frozen = self.polls
        return self.frozen

    def answer(self) -> bytes:
        """The next answer."""
        self.polls += 1
        step = self.polls if self.frozen is None else self.frozen
        told = Progress(stage="training", step=step, total_steps=1000, eta_seconds=1000 - self.polls)
        return told.model_dump_json(by_alias=True, exclude_none=True).encode()


def _handler(page: ProgressPage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/progress"
            body = page.answer()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Stay silent."""

    return Handler
