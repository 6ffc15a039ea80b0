"""What we know of objects before the watch tells: deletions of ours, and which version is newer."""

from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 20_000


class Tombstones:
    """uids that are gone: a late watch event must not bring them back.

    Args:
        clock: monotonic seconds.
        seconds: how long one is remembered.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = 120.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._buried: OrderedDict[str, float] = OrderedDict()

    def bury(self, uid: str) -> None:
        """The object is gone."""
        self._buried[uid] = self._clock()
        self._buried.move_to_end(uid)
        while self._buried:
            first, at = next(iter(self._buried.items()))
            if len(self._buried) <= REMEMBERED and self._clock() - at < self._seconds:
                break
            del self._buried[first]

    def __contains__(self, uid: str) -> bool:
        """Whether the object is known to be gone."""
        at = self._buried.get(uid)
        return at is not None and self._clock() - at < self._seconds


def newer(candidate: str, known: str) -> bool:
    """Whether one resourceVersion is later than another of the same resource.

    They are comparable integers (KEP-5504; true of every etcd-backed API server); anything else counts as newer.
    """
    if candidate.isdecimal() and known.isdecimal():
        return int(candidate) > int(known)
    return candidate != known
