"""What a case is: one statement about a server, where it comes from, and how it is tried."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from slipway_conformance.server import Server

Check = Callable[[Server], None]


class Source(StrEnum):
    """Where a statement comes from."""

    PROTOCOL = "protocol"
    """The text of the Open Inference Protocol v2."""
    EXTENSION = "extension"
    """The text of one of its extensions, or of the V1 protocol."""
    CLIENT = "client"
    """What real clients need although no text says so."""


class Level(StrEnum):
    """How much a statement binds."""

    REQUIRED = "required"
    EXTENSION = "extension"
    """Required of a server whose metadata name the extension, optional for all others."""
    RECOMMENDED = "recommended"


@dataclass(frozen=True, slots=True)
class Case:
    """One statement. ``check`` raises when it is not true of the server; ``models`` are asked for it."""

    id: str
    says: str
    source: Source
    level: Level
    extension: str
    models: tuple[str, ...]
    check: Check

    @property
    def group(self) -> str:
        """First word of the id."""
        return self.id.partition(".")[0]


class Group:
    """Cases that have their source in common."""

    def __init__(self, name: str, source: Source, level: Level, extension: str = "") -> None:
        """Begin a group without cases."""
        self._name = name
        self._source = source
        self._level = level
        self._extension = extension
        self.cases: list[Case] = []

    def case(
        self, name: str, says: str, *models: str, source: Source | None = None, level: Level | None = None
    ) -> Callable[[Check], Check]:
        """Add the function below as a case that asks ``models``."""

        def add(check: Check) -> Check:
            self.add(name, says, check, *models, source=source, level=level)
            return check

        return add

    def add(
        self,
        name: str,
        says: str,
        check: Check,
        *models: str,
        source: Source | None = None,
        level: Level | None = None,
    ) -> None:
        """Add a case whose check is made elsewhere, as rows of a table are."""
        self.cases.append(
            Case(
                f"{self._name}.{name}",
                says,
                source or self._source,
                level or self._level,
                self._extension,
                models,
                check,
            )
        )
