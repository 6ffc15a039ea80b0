"""What is kept of every request: counts, and of some a line of the log."""

from slipway_runtime.serve.access_log import AccessLog
from slipway_runtime.serve.metrics import Metrics


class Accounts:
    """Counts in ``metrics``, and notes in a log where there is one; used on the event loop only."""

    def __init__(self, metrics: Metrics, access_log: AccessLog | None) -> None:
        """Start with what these hold."""
        self.metrics = metrics
        self._access_log = access_log

    def answered(self, model: str, path: str, code: int, *, seconds: float, received: int) -> None:
        """Take one answered request into account; ``received`` are the bytes of its body or message."""
        self.metrics.record(model, code, seconds)
        if self._access_log is not None:
            self._access_log.note(model, path, code, seconds=seconds, received=received)
