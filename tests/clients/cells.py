"""Cells of the matrix: one thing that one client does with the server."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from slipway_conformance.tensors import VALUES

_SECONDS = 20.0


class NotApplicable(Exception):
    """The client itself has no such thing; the message says what it lacks."""


class Cell(NamedTuple):
    """``do`` gets the client's adaptor, and fails by raising."""

    group: str
    name: str
    do: Callable[[Any], Awaitable[None]]


class Cells:
    """A table of cells that several clients have in common."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def cell(self, group: str, name: str) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
        """Add the function below."""

        def add(do: Callable[[Any], Awaitable[None]]) -> None:
            self.cells.append(Cell(group, name, do))

        return add

    async def run(self, client: str, adaptor: Any) -> list[dict[str, str]]:
        """Do all cells in their order."""
        return [await _outcome(client, cell, adaptor) for cell in self.cells]


async def _outcome(client: str, cell: Cell, adaptor: Any) -> dict[str, str]:
    told = {"client": client, "group": cell.group, "cell": cell.name}
    try:
        await asyncio.wait_for(cell.do(adaptor), _SECONDS)
    except NotApplicable as reason:
        return {**told, "outcome": "n/a", "found": str(reason)}
    except Exception as error:  # noqa: BLE001 - a client may fail in any way, and that is what is told
        return {**told, "outcome": "failed", "found": f"{type(error).__name__}: {error}"[:500]}
    return {**told, "outcome": "passed", "found": ""}


async def done(found: Any) -> Any:
    """What a client's method gives, whether it is one of asyncio or not."""
    return await found if inspect.isawaitable(found) else found


def sample(datatype: str) -> Any:
    """A [1, 2] array of values that a wrong width, sign or encoding would change."""
    values = list(VALUES[datatype])
    if datatype == "BYTES":
        return texts(values).reshape(1, 2)
    if datatype == "BF16":
        import ml_dtypes  # tritonclient brings it: numpy has no such type

        return np.array([values], ml_dtypes.bfloat16)
    return np.array([values], {"BOOL": "bool"}.get(datatype, datatype.lower().replace("fp", "float")))


def texts(values: Sequence[str]) -> Any:
    """A flat array of texts as bytes."""
    array = np.empty(len(values), object)
    array[:] = [value.encode() for value in values]
    return array


def equal(found: Any, wanted: Any) -> None:
    """Raise AssertionError unless shape and elements are equal; texts may have come as str or bytes."""
    assert found is not None, "the output is not in the answer"
    assert found.shape == wanted.shape, f"shape {found.shape}, not {wanted.shape}"
    left, right = (_plain(array) for array in (found, wanted))
    assert left == right, f"{left}, not {right}"


def _plain(array: Any) -> list[Any]:
    return [value.encode() if isinstance(value, str) else value for value in array.ravel().tolist()]


async def raises(kind: type[Exception], found: Any, *words: str) -> None:
    """The call must raise ``kind`` with a message that names ``words``."""
    try:
        await done(found() if callable(found) else found)
    except kind as error:
        message = str(error)
    else:
        raise AssertionError(f"no {kind.__name__} was raised")
    missing = [word for word in words if word not in message]
    assert not missing, f"{message} does not name {missing}"
