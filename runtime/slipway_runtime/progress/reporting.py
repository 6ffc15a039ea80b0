"""The file through which a worker tells its launcher how far it is."""

import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from slipway_runtime.spec.progress import Progress

PROGRESS_ENV = "SLIPWAY_PROGRESS"


def report(progress: Progress) -> None:
    """Replace the progress that the launcher serves; does nothing when no launcher listens.

    The file named by ``SLIPWAY_PROGRESS`` is replaced in one step, so a reader never meets half a report.
    A full disk or a vanished directory never ends a training: such a report is dropped.
    """
    target = os.environ.get(PROGRESS_ENV)
    if not target:
        return
    path = Path(target)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(progress.model_dump_json(by_alias=True, exclude_none=True))
        Path(temporary).replace(path)
    except OSError:
        return


def read(path: Path) -> Progress:
    """The latest report at ``path``, or the initial progress while there is none that can be read."""
    try:
        return Progress.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return Progress()
