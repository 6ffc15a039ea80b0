"""When a run is tried again, and when it is given up."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from slipway_operator.api.conditions import Reason
from slipway_operator.api.job import JobStatus, Restarts
from slipway_operator.api.meta import FailurePolicy
from slipway_operator.domain.conditions import sentence
from slipway_operator.domain.failure import FREE_REASONS
from slipway_operator.domain.times import moment, remaining

StatusT = TypeVar("StatusT", bound=JobStatus)

FIRST_DELAY = 10.0
LARGEST_DELAY = 300.0
FREE_DELAY = 5.0
"""Seconds before an attempt that follows a preemption or a lost node."""

GO_ON = (
    "Change spec.podTemplate, spec.failurePolicy or another setting of attempts to go on from the newest checkpoint,"
    " or spec.rerun to start over."
)
"""What a person can do about a run that was given up."""


@dataclass(frozen=True)
class GivenUp:
    """Why no further attempt is made."""

    no_progress: bool
    message: str


def delay(counted: int) -> float:
    """Seconds before the next attempt after that many counted failures: 10, 20, 40 … at most 300."""
    return min(LARGEST_DELAY, FIRST_DELAY * 2.0 ** min(max(counted - 1, 0), 10))


def backoff_left(status: JobStatus, now: datetime) -> float:
    """Seconds until the next attempt may start, from the time of the failure in the status."""
    failure = status.last_failure
    if failure is None or failure.attempt != status.attempt:
        return 0.0
    wait = FREE_DELAY if failure.reason in FREE_REASONS else delay(status.restarts.counted)
    return remaining(moment(failure.time), wait, now)


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
            f"(failurePolicy.noProgressLimit is {policy.no_progress_limit}): {sentence(cause)} {GO_ON}",
        )
    if status.restarts.counted >= policy.max_restarts:
        return GivenUp(
            no_progress=False,
            message=f"Given up after {status.restarts.counted} restarts "
            f"(failurePolicy.maxRestarts is {policy.max_restarts}): {sentence(cause)} {GO_ON}",
        )
    return None


def changed(status: JobStatus, settings: str) -> bool:
    """Whether an attempt that starts with these settings starts with others than the last one."""
    return status.attempt_settings not in {None, settings}


def mended(status: JobStatus, settings: str) -> bool:
    """Whether changed settings may overcome the failure. What a gate refuses, no setting changes."""
    refused = status.last_failure is not None and status.last_failure.reason == Reason.GATE_REFUSED
    return changed(status, settings) and not refused


def forgiven(status: StatusT) -> StatusT:
    """The status of a run that goes on after its settings were changed: all attempts so far count no more."""
    restarts = Restarts(counted=0, free=status.attempt)
    return status.model_copy(update={"restarts": restarts, "stuck": 0, "finished_at": None})


def counted(status: StatusT, *, free: bool) -> StatusT:
    """The status with one more restart."""
    name = "free" if free else "counted"
    restarts = status.restarts.model_copy(update={name: getattr(status.restarts, name) + 1})
    return status.model_copy(update={"restarts": restarts})
