"""Whether a live object still says what a manifest asks for."""

from collections.abc import Mapping, Sequence
from typing import Any


def covers(live: Any, wanted: Any) -> bool:
    """Whether every field of ``wanted`` has that value in ``live``; ``live`` may hold more.

    Lists of objects with names are compared by name, others element by element. A quantity that the API server spells
    otherwise counts as a difference, which costs one apply that changes nothing.
    """
    if isinstance(wanted, Mapping):
        # An empty object and an absent one are the same to the API server.
        if live is None:
            return all(value in ({}, [], None) for value in wanted.values())
        return isinstance(live, Mapping) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        return _covers_list(live or [], wanted)
    # The API server leaves out what is empty, zero or false.
    return bool(live == wanted or (not wanted and live is None))


def _covers_list(live: Any, wanted: Sequence[Any]) -> bool:
    if not isinstance(live, list):
        return False
    if wanted and all(isinstance(one, Mapping) and "name" in one for one in wanted):
        by_name = {one.get("name"): one for one in live if isinstance(one, Mapping)}
        return all(one["name"] in by_name and covers(by_name[one["name"]], one) for one in wanted)
    return len(live) == len(wanted) and all(covers(*pair) for pair in zip(live, wanted, strict=True))
