from pathlib import Path

import pytest

from slipway_runtime.run.errors import RetryLater
from slipway_runtime.storage.uri import Mounts, open_uri
from slipway_runtime.train.checkpoints import Checkpoints, Position, surplus


def attempt(root: Path, number: int, keep: int = 2) -> Checkpoints:
    return Checkpoints(open_uri(str(root), Mounts(), create=True), "runs/x/checkpoints", number, keep)


def folders(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.rglob("state"))


def test_the_newest_comes_first_and_only_keep_stay(tmp_path: Path) -> None:
    checkpoints = attempt(tmp_path, 1)
    for step in (10, 200, 30):
        checkpoints.save(step, str(step).encode())
    assert folders(tmp_path) == ["1-200", "1-30"]
    assert [(position.step, content) for position, content in checkpoints.newest()] == [(200, b"200"), (30, b"30")]


def test_a_later_attempt_goes_on_and_is_newer_whatever_its_step(tmp_path: Path) -> None:
    attempt(tmp_path, 1).save(500, b"old")
    second = attempt(tmp_path, 2)
    assert next(second.newest())[1] == b"old"
    second.save(100, b"new")
    assert [content for _, content in attempt(tmp_path, 3).newest()] == [b"new", b"old"]


def test_a_stale_attempt_is_fenced_and_removes_nothing(tmp_path: Path) -> None:
    stale = attempt(tmp_path, 1)
    stale.save(10, b"a")
    attempt(tmp_path, 2, keep=5).save(20, b"b")
    with pytest.raises(RetryLater, match="attempt 1 is stale: attempt 2"):
        stale.save(30, b"c")
    with pytest.raises(RetryLater, match="stale"):
        next(stale.newest())
    stale.clear()
    assert folders(tmp_path) == ["2-20"]


def test_clear_removes_own_and_earlier(tmp_path: Path) -> None:
    attempt(tmp_path, 1).save(10, b"a")
    second = attempt(tmp_path, 2)
    second.save(20, b"b")
    second.clear()
    assert folders(tmp_path) == []
    assert list(second.newest()) == []


@pytest.mark.parametrize(
    ("positions", "keep", "removed"),
    [
        ([(1, 1), (1, 2), (1, 3)], 2, [(1, 1)]),
        ([(1, 9), (2, 1), (2, 2)], 2, [(1, 9)]),
        ([(2, 1), (3, 1)], 1, []),
        ([(1, 1)], 2, []),
        ([(1, 1), (1, 2), (1, 3)], 4, []),
        ([(1, 1), (2, 5), (3, 1)], 0, [(1, 1), (2, 5)]),
    ],
)
def test_surplus(positions: list[tuple[int, int]], keep: int, removed: list[tuple[int, int]]) -> None:
    found = surplus([Position(*position) for position in positions], 2, keep)
    assert [(position.attempt, position.step) for position in found] == removed
