"""A Service in a test: new connections lead to the pod that is ready now, those that stand stay where they are."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Switch:
    """Listens on a port of its own and passes connections on to ``to``."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.taken: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.taken.add(self.to)
            far = socket.create_connection(("127.0.0.1", self.to))
            self._open += near, far
            for one, other in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=_pass, args=(one, other)))
                self._threads[-1].start()


def _pass(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := one.recv(65536):
            other.sendall(content)
        other.shutdown(socket.SHUT_WR)
