"""When a run is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import datetime

from slipway_operator.api.job import JobStatus
from slipway_operator.api.meta import FailurePolicy
from slipway_operator.domain.times import moment, remaining

FIRST_DELAY = 10.0
LARGEST_DELAY = 300.0
FREE_DELAY = 5.0
"""Seconds before an attempt that follows a preemption or a lost node."""


@dataclass(frozen=True)
class GivenUp:
    """Why no further attempt is made."""

    no_progress: bool
    message: str


def delay(counted: int) -> float:
    """Seconds before the next attempt after that many counted failures: 10, 20, 40 … at most 300."""
    return min(LARGEST_DELAY, FIRST_DELAY * 2.0 ** min(max(counted - 1, 0), 10))


def backoff_left(status: JobStatus, *, free: bool, now: datetime) -> float:
    """Seconds until the next attempt may start, from the time of the failure in the status."""
    failure = status.last_failure
    if failure is None or failure.attempt != status.attempt:
        return 0.0
    return remaining(moment(failure.time), FREE_DELAY if free else delay(status.restarts.counted), now)


def stuck_after(status: JobStatus) -> tuple[int, int]:
    """Failed attempts in a row without progress, and the furthest step, now that the active attempt has failed.

    An attempt that reported no step at all says nothing about progress and changes neither.
    """
    if status.progress is None or status.progress.step == 0:
        return status.stuck, status.furthest_step
    if status.progress.step > status.furthest_step:
        return 1, status.progress.step
    return status.stuck + 1, status.furthest_step


def given_up(status: JobStatus, policy: FailurePolicy, *, stuck: int, furthest: int, cause: str) -> GivenUp | None:
    """Whether a counted failure was the last one; ``cause`` says what it was."""
    if stuck >= policy.no_progress_limit:
        return GivenUp(
            no_progress=True,
            message=f"{stuck} attempts in a row ended at step {furthest} or earlier "
            f"(failurePolicy.noProgressLimit is {policy.no_progress_limit}): {cause} "
            "Set spec.rerun to another text to try again.",
        )
    if status.restarts.counted >= policy.max_restarts:
        return GivenUp(
            no_progress=False,
            message=f"Given up after {status.restarts.counted} restarts "
            f"(failurePolicy.maxRestarts is {policy.max_restarts}): {cause} "
            "Set spec.rerun to another text to try again.",
        )
    return None
