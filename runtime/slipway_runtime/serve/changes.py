"""Files that change while the server runs."""

from collections.abc import Callable
from pathlib import Path


class Changes:
    """Whether files have changed since they were looked at last; a mounted Secret changes by its links."""

    def __init__(self, *paths: Path, changed: Callable[[], None]) -> None:
        """Remember how the files, or those of the folders, are now."""
        self._paths = paths
        self._changed = changed
        self._before = self._state()

    def look(self) -> None:
        """Tell of a change."""
        now = self._state()
        if now != self._before:
            self._before = now
            self._changed()

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in self._paths:
            for file in sorted(path.iterdir()) if path.is_dir() else (path,):
                try:
                    told = file.stat()
                except FileNotFoundError:
                    continue
                found.append((str(file), told.st_mtime_ns, told.st_ino))
        return tuple(found)
