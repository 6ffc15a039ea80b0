"""Storages of kopf that store nothing.

kopf prepares for handlers that compare an object with its last state: per event it copies the whole object twice. We
have no such handlers, and that work was half of the operator's processor time.
"""

from typing import Any

from kopf import DiffBaseStorage, ProgressStorage


class NoDiffBase(DiffBaseStorage):
    """Every object is as it always was."""

    def build(self, **_: Any) -> Any:
        """Nothing to compare."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing to compare with."""
        return {}

    def store(self, **_: Any) -> None:
        """Store nothing."""


class NoProgress(ProgressStorage):
    """No handler is ever under way."""

    def fetch(self, **_: Any) -> Any:
        """No handler has run."""
        return None

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Nothing to remove."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """The object holds nothing of ours."""
        return essence
