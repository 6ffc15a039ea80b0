"""What pods answer over HTTP, under a test's control."""

import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from slipway_operator.domain.render.serving import HTTP_PORT
from slipway_runtime.spec.progress import PROGRESS_PORT, Progress


class Page:
    """A real HTTP server on an address of its own that answers one path."""

    def __init__(self, path: str, port: int, content_type: str) -> None:
        # All of 127.0.0.0/8 is this machine, so runs beside each other can have the same port.
        self.address = ".".join(["127", *(str(secrets.randbelow(254) + 1) for _ in range(3))])
        self.path = path
        self.content_type = content_type
        self._server = ThreadingHTTPServer((self.address, port), _handler(self))
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

    def answer(self) -> bytes:
        """The next answer."""
        raise NotImplementedError


class ProgressPage(Page):
    """A training pod's: the step it tells is the number of times it was asked.

    Once ``frozen`` the step stays, and only the estimate of the time left still moves.
    """

    def __init__(self) -> None:
        super().__init__("/progress", PROGRESS_PORT, "application/json")
        self.polls = 0
        self.frozen: int | None = None

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


class LoadPage(Page):
    """A serving pod's metrics, as if it had ``concurrency`` requests in flight all the time."""

    def __init__(self, concurrency: float) -> None:
        super().__init__("/metrics", HTTP_PORT, "text/plain")
        self.concurrency = concurrency
        self._seconds = 0.0
        self._at = time.monotonic()

    def answer(self) -> bytes:
        """The next answer."""
        now = time.monotonic()
        self._seconds += self.concurrency * (now - self._at)
        self._at = now
        return f'slipway_serve_request_seconds_sum{{model="digits"}} {self._seconds:.6f}\n'.encode()


def _handler(page: Page) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == page.path
            body = page.answer()
            self.send_response(200)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Stay silent."""

    return Handler
