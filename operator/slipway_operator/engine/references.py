"""Who refers to whom, from the ``from: {kind, name}`` of specs."""

from collections.abc import Iterator, Mapping
from typing import Any

Target = tuple[str, str, str]
"""kind, namespace, name"""


def referred(body: Mapping[str, Any], namespace: str) -> frozenset[Target]:
    """Every object that a spec refers to."""
    return frozenset((kind, namespace, name) for kind, name in _walk(body.get("spec")))


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        source = node.get("from")
        if isinstance(source, Mapping) and isinstance(source.get("kind"), str) and isinstance(source.get("name"), str):
            yield source["kind"], source["name"]
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)
