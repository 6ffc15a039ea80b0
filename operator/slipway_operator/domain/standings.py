"""Where a run stands, in words that stay the same while nothing changes."""

from slipway_operator.api.conditions import ConditionType, Reason
from slipway_operator.api.job import JobStatus, RunProgress
from slipway_operator.domain.conditions import Position, Standing, find, going, holds
from slipway_operator.domain.planning import Snapshot
from slipway_runtime.spec.progress import Progress

RERUN = "Correct the spec, or set spec.rerun to another text to try again."


def waiting_for_store(snapshot: Snapshot) -> Standing:
    """Why an object waits for its store."""
    if snapshot.store.problem:
        return going(Reason.STORE_UNAVAILABLE, snapshot.store.problem)
    return going(Reason.PREPARING_STORE, "The namespace's account at the model store is being made.")


def starting(attempt: int) -> Standing:
    """An attempt whose pods do not all run yet."""
    if attempt == 1:
        return going(Reason.STARTING, "The pods of attempt 1 are starting.")
    return going(Reason.RESTARTING, f"The pods of attempt {attempt} are starting.")


def after(status: JobStatus) -> Standing:
    """Between two attempts: what ended the last one."""
    failure = status.last_failure
    if failure is None or failure.attempt != status.attempt:
        return going(Reason.PENDING, "Pods of an earlier attempt are being stopped.")
    return going(reason_of(failure.reason), f"Attempt {status.attempt} ended: {failure.message} Another one follows.")


def reason_of(text: str) -> Reason:
    """The reason that a status names; one of another version counts as a crash."""
    return Reason(text) if text in set(Reason) else Reason.CRASHED


def published(status: JobStatus) -> Standing:
    """A run that has published; its status has the artifact."""
    artifact = status.artifact
    assert artifact is not None  # noqa: S101 - asked only of a run that has published
    shown = ", ".join(f"{one.name} {one.value}" for one in artifact.metrics[:3])
    ending = f" ({shown})" if shown else ""
    return Standing(Position.DONE, Reason.PUBLISHED, f"Published {artifact.digest[:19]}{ending}.")


def failed(status: JobStatus) -> Standing:
    """The standing of a run that failed before: in the words of its condition, else of its last failure."""
    said = find(status.conditions, ConditionType.FAILED)
    if said is not None and holds(status.conditions, ConditionType.FAILED):
        return Standing(Position.FAILED, reason_of(said.reason), said.message)
    if status.last_failure is not None:
        return Standing(Position.FAILED, reason_of(status.last_failure.reason), status.last_failure.message)
    return Standing(Position.FAILED, Reason.CRASHED, f"The run failed. {RERUN}")


def progress(seen_progress: Progress) -> RunProgress:
    """Progress as the status tells it."""
    total = seen_progress.total_steps
    percent = min(100, 100 * seen_progress.step // total) if total else 0
    return RunProgress(**seen_progress.model_dump(), percent=percent)
