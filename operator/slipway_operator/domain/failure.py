"""From pods to the one failure that a person needs to read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from slipway_operator.api.conditions import Reason
from slipway_operator.api.meta import Failure
from slipway_operator.domain.conditions import shorten
from slipway_operator.domain.observed import ContainerStatus, Pod, Terminated, find
from slipway_operator.domain.times import stamp
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome, Summary

FREE_REASONS = frozenset({Reason.PREEMPTED, Reason.NODE_LOST, Reason.ATTEMPT_LOST, Reason.RESULT_LOST})
"""Ends of an attempt that are nobody's fault and so not counted."""

LOST_AFTER = timedelta(seconds=30)
"""A pod that is still there so long after its deletion was due is on a node that no longer answers."""

_LATE = datetime.max.replace(tzinfo=UTC)
_LOG_KEYS = ("message", "msg", "event", "error")

_CODES: Mapping[int, Reason] = {
    ExitCode.CONFIG_ERROR: Reason.CONFIG_ERROR,
    ExitCode.GATE_REFUSED: Reason.GATE_REFUSED,
    ExitCode.RETRY: Reason.RETRY,
    ExitCode.PREEMPTED: Reason.PREEMPTED,
}

_DISRUPTIONS: Mapping[str, tuple[Reason, str]] = {
    "PreemptionByScheduler": (Reason.PREEMPTED, "The pod made room for one of higher priority."),
    "EvictionByEvictionAPI": (Reason.PREEMPTED, "The pod was evicted, for example by a node being drained."),
    "DeletionByTaintManager": (Reason.NODE_LOST, "The pod's node stopped answering or was tainted."),
    "DeletionByPodGC": (Reason.NODE_LOST, "The pod's node is gone."),
}
_SHUTDOWN_REASONS = frozenset({"NodeShutdown", "Terminated", "Shutdown"})


@dataclass(frozen=True)
class Ended:
    """How an attempt failed."""

    reason: Reason
    message: str
    pod: str | None = None
    exit_code: int | None = None

    @property
    def free(self) -> bool:
        """Whether the restart is not counted."""
        return self.reason in FREE_REASONS

    @property
    def permanent(self) -> bool:
        """Whether another attempt can only end the same way."""
        return self.reason in {Reason.CONFIG_ERROR, Reason.GATE_REFUSED, Reason.CONVERSION_MISMATCH}


def summary_of(pods: Iterable[Pod]) -> Summary | None:
    """What rank 0 said when it ended well; None when its pod or its message is gone."""
    for pod in pods:
        if pod.index == 0:
            for container in pod.status.container_statuses:
                ended = container.state.terminated
                if ended is not None and ended.exit_code == ExitCode.DONE:
                    return parse_summary(ended.message)
    return None


def parse_summary(message: str) -> Summary | None:
    """The summary in a termination message; None when it is something else, such as the end of a log."""
    try:
        return Summary.model_validate(json.loads(message), extra="ignore")
    except (ValidationError, ValueError):
        return None


def last_words(message: str) -> str:
    """What a person should read of a termination message: the summary's, or the last line of a log."""
    summary = parse_summary(message)
    if summary is not None:
        return summary.message
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return _log_text(lines[-1]) if lines else ""


def _log_text(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if isinstance(entry, dict):
        return next((str(entry[key]) for key in _LOG_KEYS if entry.get(key)), line)
    return line


def lost(pod: Pod, now: datetime) -> bool:
    """Whether a pod should have been gone for so long that its node must be gone."""
    due = pod.metadata.deletion_timestamp
    return due is not None and not pod.terminal and now - due > LOST_AFTER


def settled(pod: Pod, now: datetime) -> bool:
    """Whether a pod does no more work that anybody could stop."""
    return pod.terminal or lost(pod, now)


def first_failure(pods: Iterable[Pod], now: datetime) -> Ended | None:
    """The failure that ended an attempt: the earliest, because the others are its consequences.

    Within the same second a disruption explains a crash of its peers, and a reason explains an exit code.
    """
    found = sorted(
        ((when, _rank(ended), pod.index, ended) for pod in pods for when, ended in _failures(pod, now)),
        key=lambda entry: entry[:3],
    )
    return found[0][3] if found else None


_ORDER = (
    Reason.CONFIG_ERROR,
    Reason.GATE_REFUSED,
    Reason.CONVERSION_MISMATCH,
    Reason.NODE_LOST,
    Reason.PREEMPTED,
    Reason.EVICTED,
    Reason.OOM_KILLED,
    Reason.CRASHED,
    Reason.RETRY,
)


def _rank(ended: Ended) -> int:
    return _ORDER.index(ended.reason)


def _failures(pod: Pod, now: datetime) -> Iterable[tuple[datetime, Ended]]:
    ends = [
        (one, one.state.terminated)
        for one in pod.containers
        if one.state.terminated is not None and one.state.terminated.exit_code != ExitCode.DONE
    ]
    disruption = _disruption(pod, now)
    if disruption is not None:
        times = [ended.finished_at for _, ended in ends if ended.finished_at is not None]
        yield min(times, default=pod.metadata.deletion_timestamp or _LATE), disruption
        return
    for container, ended in ends:
        yield ended.finished_at or _LATE, container_failure(pod, container, ended)
    if not ends and pod.status.phase == "Failed":
        detail = pod.status.message or pod.status.reason or "no container says why"
        yield _LATE, Ended(Reason.CRASHED, f"The pod failed: {detail}.", pod.name)


def _disruption(pod: Pod, now: datetime) -> Ended | None:
    """A cause outside the pod. Pressure on the node counts as the pod's own, because its use may be the reason."""
    if pod.terminal and pod.status.reason == "Evicted":
        detail = pod.status.message or "its node ran short of a resource"
        return Ended(Reason.EVICTED, f"The pod was evicted: {detail}", pod.name)
    if pod.terminal and pod.status.reason in _SHUTDOWN_REASONS:
        return Ended(Reason.PREEMPTED, "The pod's node shut down.", pod.name)
    target = find(pod.status.conditions, "DisruptionTarget")
    if target is not None and target.reason in _DISRUPTIONS and pod.status.phase != "Succeeded":
        reason, message = _DISRUPTIONS[target.reason]
        if pod.terminal or lost(pod, now):
            return Ended(reason, message, pod.name)
    if lost(pod, now) or pod.status.phase == "Unknown":
        return Ended(Reason.NODE_LOST, "The pod's node stopped answering.", pod.name)
    return None


def container_failure(pod: Pod, container: ContainerStatus, ended: Terminated) -> Ended:
    """What a container's end means. Out of memory is a reason; code 137 alone is any SIGKILL."""
    words = last_words(ended.message)
    if ended.reason == "OOMKilled":
        text = (
            f"Container {container.name} used more memory than its limit. "
            "Raise spec.podTemplate.resources.memory or use smaller batches."
        )
        return Ended(Reason.OOM_KILLED, text, pod.name, ended.exit_code)
    if ended.reason in {"ContainerCannotRun", "StartError"}:
        text = f"Container {container.name} cannot be started: {words or 'its command or image is wrong'}"
        return Ended(Reason.CONFIG_ERROR, text, pod.name, ended.exit_code)
    reason = _CODES.get(ended.exit_code, Reason.CRASHED)
    summary = parse_summary(ended.message)
    if reason is Reason.GATE_REFUSED and summary is not None and summary.outcome is Outcome.CONVERSION_MISMATCH:
        reason = Reason.CONVERSION_MISMATCH
    text = words or f"Container {container.name} ended with exit code {ended.exit_code} and said nothing."
    if reason is Reason.CRASHED and words:
        text = f"Exit code {ended.exit_code}: {words}"
    return Ended(reason, text, pod.name, ended.exit_code)


def as_failure(ended: Ended, before: Failure | None, now: datetime, *, attempt: int | None = None) -> Failure:
    """The failure as a status tells it; one that the status already tells keeps the time at which it was first seen."""
    failure = Failure(
        reason=ended.reason,
        message=shorten(ended.message),
        exit_code=ended.exit_code,
        pod=ended.pod,
        attempt=attempt,
        time=stamp(now),
    )
    if before is not None and before.model_copy(update={"time": failure.time}) == failure:
        return before
    return failure
