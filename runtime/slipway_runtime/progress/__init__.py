"""How far a run is: workers report it to a file, the launcher serves that file."""

from slipway_runtime.progress.reporting import PROGRESS_ENV, read, report

__all__ = ["PROGRESS_ENV", "read", "report"]
