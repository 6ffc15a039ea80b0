"""The latest Warning event of each pod (or Job, ReplicaSet) that does not get on."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from slipway_operator.domain.planning import Key, RawObject
from slipway_operator.engine.cache import Cache

REMEMBERED = 5_000
_KINDS = frozenset({"Pod", "Job", "ReplicaSet"})


class Warnings:
    """Remembers messages by uid, bounded.

    Args:
        cache: to find whose object an event is about.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._messages: OrderedDict[str, str] = OrderedDict()

    def put(self, event: Mapping[str, Any]) -> Key | None:
        """Take an event in; the key it concerns, if it says something new about a child of ours."""
        about = event.get("involvedObject") or {}
        if event.get("type") != "Warning" or about.get("kind") not in _KINDS or not about.get("uid"):
            return None
        message = f"{event.get('reason', '')}: {event.get('message', '')}"
        if self._messages.get(about["uid"]) == message:
            return None
        self._messages[about["uid"]] = message
        self._messages.move_to_end(about["uid"])
        while len(self._messages) > REMEMBERED:
            self._messages.popitem(last=False)
        return self._cache.child_of(about["uid"])

    def of(self, children: Mapping[str, tuple[RawObject, ...]]) -> dict[str, str]:
        """Messages by name: of pods that are pending, and of Jobs and ReplicaSets."""
        found: dict[str, str] = {}
        for kind in ("ReplicaSet", "Job", "Pod"):
            for raw in children.get(kind, ()):
                message = self._messages.get(raw.uid)
                if message and (kind != "Pod" or (raw.body.get("status") or {}).get("phase") == "Pending"):
                    found[raw.name] = message
        return found
