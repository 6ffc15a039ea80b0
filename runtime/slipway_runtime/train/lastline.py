"""Which line of a failed process says why it failed."""

import json
import re
from collections.abc import Sequence

_ERROR = re.compile(r"^[\w.]*(Error|Exception|Interrupt|Fault|Exit|Refused|Corrupt|Missing|Unavailable)\b.*")
_NOISE = re.compile(
    r"destroy_process_group|resource_tracker|leaked semaphore|terminate called|^\s*(warnings\.warn|\^+|~+)"
    r"|^\[?[WI]\d{4} |Warning:|^Traceback \(most recent call last\)|^\s+File \"|^\s{2,}\S"
)


def last_meaningful(lines: Sequence[str]) -> str:
    """The line that explains a failure best, as plain text; empty when there is none.

    The last error of a traceback or of a JSON log wins; without one, the last line that is no warning, no frame of a
    traceback and no noise of an interpreter's shutdown; without that, the last line that is not blank.
    """
    filled = [line.rstrip() for line in lines if line.strip()]
    for line in reversed(filled):
        if (message := _logged_error(line)) or _ERROR.match(line):
            return message or line
    for line in reversed(filled):
        if not _NOISE.search(line):
            return _logged(line) or line
    return filled[-1].strip() if filled else ""


def _logged_error(line: str) -> str:
    record = _record(line)
    return str(record.get("message", "")) if record.get("level") in {"error", "critical"} else ""


def _logged(line: str) -> str:
    return str(_record(line).get("message", ""))


def _record(line: str) -> dict[str, object]:
    if not line.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
