import pytest

from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.train.ending import RankEnd, exit_code, verdict
from slipway_runtime.train.lastline import last_meaningful

REFUSED = Summary(outcome=Outcome.GATE_REFUSED, message="gate refused: accuracy")


@pytest.mark.parametrize(
    ("ends", "code", "outcome"),
    [
        ([RankEnd(rank=0, code=1, at=20), RankEnd(rank=1, code=64, at=10)], 64, Outcome.CONFIG_ERROR),
        (
            [RankEnd(rank=0, code=65, at=10, summary=REFUSED), RankEnd(rank=1, code=143, at=11)],
            65,
            Outcome.GATE_REFUSED,
        ),
        ([RankEnd(rank=0, code=0, at=5), RankEnd(rank=1, code=137, at=9)], 137, Outcome.CRASHED),
        ([RankEnd(rank=0, code=76, at=9), RankEnd(rank=1, code=76, at=9)], 76, Outcome.PREEMPTED),
        ([RankEnd(rank=0, code=3, at=9)], 3, Outcome.CRASHED),
    ],
)
def test_the_first_failing_rank_decides(ends: list[RankEnd], code: int, outcome: Outcome) -> None:
    judged = verdict(ends)
    assert judged.code == code
    assert judged.summary is not None
    assert judged.summary.outcome is outcome


def test_success_repeats_the_lowest_ranks_words() -> None:
    words = [Summary(outcome=Outcome.PUBLISHED, message=str(rank)) for rank in range(2)]
    judged = verdict([RankEnd(rank=rank, code=0, at=1, summary=words[rank]) for rank in (1, 0)])
    assert judged.code == 0
    assert judged.summary == words[0]


def test_success_without_words() -> None:
    assert verdict([RankEnd(rank=0, code=0, at=1)]).summary is None


def test_a_crash_after_publishing_does_not_count_as_published() -> None:
    published = Summary(outcome=Outcome.PUBLISHED)
    judged = verdict([RankEnd(rank=0, code=139, at=1, summary=published)])
    assert judged.summary is not None
    assert judged.summary.outcome is Outcome.CRASHED
    assert "SIGSEGV" in judged.summary.message


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (RankEnd(rank=0, code=137, at=1), "the program was killed by SIGKILL (out of memory?"),
        (RankEnd(rank=0, code=1, at=1, line="ValueError: no"), "the program ended with exit code 1: ValueError: no"),
        (RankEnd(rank=0, code=2, at=1), "said nothing"),
    ],
)
def test_the_message_tells_how_it_ended(end: RankEnd, text: str) -> None:
    summary = verdict([end]).summary
    assert summary is not None
    assert text in summary.message


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (64, 64), (-9, 137), (-15, 143)])
def test_exit_codes_are_a_shells(returned: int, code: int) -> None:
    assert exit_code(returned) == code


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (["\n", "  \n"], ""),
        (["loading", "done\n"], "done"),
        (
            [
                "Traceback (most recent call last):",
                '  File "a.py", line 1, in <module>',
                "    f()",
                "torch.OutOfMemoryError: CUDA out of memory",
                "[rank0]:[W1124 19:00:00.1] Warning: destroy_process_group() was not called",
            ],
            "torch.OutOfMemoryError: CUDA out of memory",
        ),
        (
            ['{"level": "info", "message": "epoch"}', '{"level": "error", "message": "no column y"}', "bye"],
            "no column y",
        ),
        (['{"level": "info", "message": "epoch 3"}'], "epoch 3"),
        (["{not json"], "{not json"),
        (["  only an indented line"], "only an indented line"),
        (["step 4", "/x/resource_tracker.py:1: UserWarning: leaked"], "step 4"),
    ],
)
def test_the_line_that_explains(lines: list[str], expected: str) -> None:
    assert last_meaningful(lines) == expected
