"""A line of the log for some of the requests."""

import logging

_log = logging.getLogger("slipway.access")


class AccessLog:
    """Notes a share of all requests, evenly: with 0.01 every hundredth. A line costs more than a small inference."""

    def __init__(self, share: float) -> None:
        """Note ``share`` of them, between 0 and 1."""
        self._share = share
        self._due = 0.0

    def note(self, model: str, path: str, code: int, *, seconds: float, received: int) -> None:
        """Take one request into account; ``received`` are the bytes of its body or message."""
        self._due += self._share
        if self._due < 1.0:
            return
        self._due -= 1.0
        told = {"model": model, "path": path, "code": code, "ms": round(seconds * 1000, 3), "received": received}
        _log.info("request", extra=told)
