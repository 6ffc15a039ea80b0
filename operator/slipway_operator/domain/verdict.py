"""Whether an attempt has ended, and how."""

from collections.abc import Iterable
from datetime import datetime

from slipway_operator.api.conditions import ConditionType, Reason
from slipway_operator.api.meta import Condition, Failure
from slipway_operator.domain.conditions import find as find_condition
from slipway_operator.domain.failure import Ended, first_failure, lost, settled, summary_of
from slipway_operator.domain.observed import Job, Pod, find
from slipway_operator.domain.times import remaining
from slipway_runtime.spec.summary import Outcome, Summary

VIEW_LAG = 10.0
"""Seconds within which an object that was written must show up in the view; pods may show up later than their Job."""

LOOK_AGAIN = 5.0


def jobless(conditions: Iterable[Condition]) -> Ended:
    """The end of an attempt whose Job is not there; ``conditions`` are those that the object had before."""
    stalled = find_condition(conditions, ConditionType.STALLED)
    if stalled is not None and stalled.reason == Reason.CHILD_REFUSED:
        return Ended(Reason.ATTEMPT_LOST, f"The attempt had no Job. {stalled.message}")
    return Ended(Reason.ATTEMPT_LOST, "The attempt's Job is gone; somebody deleted it.")


def published(job: Job, pods: Iterable[Pod]) -> Summary | None:
    """The summary of an attempt that published; None for any other."""
    if not job.succeeded:
        return None
    summary = summary_of(pods)
    if summary is None or summary.outcome is not Outcome.PUBLISHED or summary.artifact is None:
        return None
    return summary


def ended(job: Job, pods: tuple[Pod, ...], now: datetime, *, before: Failure | None) -> Ended | float | None:
    """How an attempt that has not published ended.

    A number or None: it has not ended; the number says after how many seconds to look again at what no event
    announces. ``before`` is the failure that was seen last.
    """
    if not job.finished:
        if any(lost(pod, now) or pod.status.phase == "Unknown" for pod in pods):
            return first_failure(pods, now)
        return LOOK_AGAIN if any(pod.deleting for pod in pods) else None
    if any(not settled(pod, now) for pod in pods):
        return LOOK_AGAIN  # the view of the pods is behind, or they are still ending
    if job.succeeded:
        return _without_result(job, pods, now, before)
    return first_failure(pods, now) or _gone(job)


def _without_result(job: Job, pods: tuple[Pod, ...], now: datetime, before: Failure | None) -> Ended | float:
    """A Job that succeeded, and yet nothing tells what it published.

    Another attempt finds ``result.json`` and returns it, free of charge; one that comes back with nothing again
    never published.
    """
    left = remaining(job.status.completion_time, VIEW_LAG, now)
    if not pods and left > 0:
        return left
    again = before is not None and before.reason == Reason.RESULT_LOST and before.attempt == job.attempt - 1
    if again:
        text = "The program ended without an error but published no model. It must publish one before it ends."
        return Ended(Reason.CRASHED, text, pods[0].name if pods else None, exit_code=0)
    return Ended(Reason.RESULT_LOST, "The pod's last message is gone; another attempt reads its result.")


def _gone(job: Job) -> Ended:
    failed = find(job.status.conditions, "Failed")
    detail = failed.message if failed is not None and failed.message else "its pods are gone"
    return Ended(Reason.ATTEMPT_LOST, f"The attempt's Job failed: {detail}")
