"""Log lines: JSON in a pod, readable on a terminal. Fields go in ``extra`` and stay separate from the message."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, then the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; a value JSON does not know becomes its text."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """``message  key=value …``; warnings and errors carry their level."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record for a person."""
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        fields = "".join(f"  {key}={value}" for key, value in _fields(record).items())
        text = f"{level}{record.getMessage()}{fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure_logging(stream: IO[str] | None = None, *, level: int = logging.INFO) -> None:
    """Send the root logger to one stream (standard error by default), formatted for what is on its other end."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(ConsoleFormatter() if target.isatty() else JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
