"""The HTTP side of progress: ``GET /progress`` and ``GET /metrics``."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from slipway_runtime.progress.exposition import CONTENT_TYPE, exposition
from slipway_runtime.progress.reporting import read


class ProgressServer:
    """Serves the progress file at ``path`` on ``port`` of every address (0 picks a free port) while it is entered.

    Raises OSError at construction when the port is taken.
    """

    def __init__(self, path: Path, port: int) -> None:
        self._server = ThreadingHTTPServer(("", port), _handler(path))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="progress", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(path: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a client that never finishes its request must not hold a thread

        def do_GET(self) -> None:
            """Answer with the progress as JSON or as Prometheus text."""
            progress = read(path)
            match self.path.partition("?")[0]:
                case "/progress":
                    self._answer(progress.model_dump_json(by_alias=True, exclude_none=True), "application/json")
                case "/metrics":
                    self._answer(exposition(progress), CONTENT_TYPE)
                case _:
                    self.send_error(HTTPStatus.NOT_FOUND, "ask /progress or /metrics")

        def _answer(self, text: str, content_type: str) -> None:
            body = text.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Stay silent: a poll every few seconds is no news."""

    return Handler
