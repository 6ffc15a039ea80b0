"""How processes end, and which of several endings is the cause."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from slipway_runtime.run.termination import clip
from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome, Summary

SIGNALLED = 128

_OUTCOMES = {
    ExitCode.CONFIG_ERROR: Outcome.CONFIG_ERROR,
    ExitCode.GATE_REFUSED: Outcome.GATE_REFUSED,
    ExitCode.RETRY: Outcome.RETRY,
    ExitCode.PREEMPTED: Outcome.PREEMPTED,
}


class RankEnd(SpecModel):
    """How the process of one rank ended.

    ``code`` is its exit code, 128 + n after signal n. ``at`` is when it went wrong, nanoseconds since the epoch: the
    moment it wrote its last words if it did, else the moment it ended. ``summary`` is its own last words.
    """

    rank: int
    code: int
    at: int
    summary: Summary | None = None
    line: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the launcher exits with and says."""

    code: int
    summary: Summary | None


def verdict(ends: Sequence[RankEnd]) -> Verdict:
    """The first failing rank's exit code and words; code 0 and the lowest rank's words when all succeeded.

    The failure of one rank makes its peers fail too, so the earliest one is the cause.
    """
    failed = [end for end in ends if end.code != 0]
    if not failed:
        told = [end.summary for end in sorted(ends, key=lambda end: end.rank) if end.summary is not None]
        return Verdict(0, told[0] if told else None)
    first = min(failed, key=lambda end: (end.at, end.rank))
    if first.summary is not None and first.summary.outcome is not Outcome.PUBLISHED:
        return Verdict(first.code, first.summary)
    return Verdict(first.code, Summary(outcome=_outcome(first.code), message=clip(_message(first, len(ends)))))


def exit_code(returned: int) -> int:
    """A ``Popen.returncode`` as a shell shows it: 128 + n after signal n."""
    return SIGNALLED - returned if returned < 0 else returned


def _outcome(code: int) -> Outcome:
    return _OUTCOMES.get(ExitCode(code), Outcome.CRASHED) if code in set(ExitCode) else Outcome.CRASHED


def _message(end: RankEnd, processes: int) -> str:
    who = f"rank {end.rank}" if processes > 1 or end.rank > 0 else "the program"
    how = f"ended with exit code {end.code}"
    if end.code > SIGNALLED:
        number = end.code - SIGNALLED
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        how = f"was killed by {name}"
        if number == signal.SIGKILL:
            how += " (out of memory? raise the memory limit or lower the batch size)"
    return f"{who} {how}: {end.line}" if end.line else f"{who} {how} and said nothing"
