"""Log lines of processes whose output goes through the launcher."""

import logging
import os
import sys
from collections.abc import Mapping

from slipway_runtime.run.logs import ConsoleFormatter, JsonFormatter

FORMAT_ENV = "SLIPWAY_LOG_FORMAT"
"""``console`` when a person reads what the launcher passes on; anything else means JSON."""


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the launcher will not say it again: it repeats the processes' last words."""
    return not (record.name == "slipway_runtime.run.program" and hasattr(record, "outcome"))


class _RankFilter(logging.Filter):
    """Adds the rank to every record when there are several."""

    def __init__(self, rank: str) -> None:
        super().__init__()
        self._rank = rank

    def filter(self, record: logging.LogRecord) -> bool:
        record.rank = self._rank
        return True


def configure_worker_logging(environment: Mapping[str, str] = os.environ) -> None:
    """Log to standard error, which the launcher passes on, in the format that its reader wants."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ConsoleFormatter() if environment.get(FORMAT_ENV) == "console" else JsonFormatter())
    handler.addFilter(_is_news)
    if environment.get("WORLD_SIZE", "1") != "1":
        handler.addFilter(_RankFilter(environment.get("RANK", "0")))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
