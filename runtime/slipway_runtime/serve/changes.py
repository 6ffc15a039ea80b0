"""Secrets that change while the server runs."""

from pathlib import Path
from typing import Protocol


class Secret(Protocol):
    """What was read from the files of a folder."""

    @property
    def folder(self) -> Path:
        """Where its files are."""

    def reload(self) -> None:
        """Read them again; what was good before stays when they cannot be used."""


class Changes:
    """Has a secret read again when its files have changed; a mounted one changes by its links."""

    def __init__(self, secret: Secret) -> None:
        """Remember how the files are now."""
        self._secret = secret
        self._before = self._state()

    def look(self) -> None:
        """Read them again if they are not as they were."""
        now = self._state()
        if now != self._before:
            self._before = now
            self._secret.reload()

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for file in sorted(self._secret.folder.glob("*")):
            try:
                told = file.stat()
            except FileNotFoundError:
                continue
            found.append((file.name, told.st_mtime_ns, told.st_ino))
        return tuple(found)
