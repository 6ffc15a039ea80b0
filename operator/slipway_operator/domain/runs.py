"""The course of a run: attempt after attempt, until it is published, has failed, or is suspended.

What has happened is read from Jobs, pods and the object's status, and from nothing else. ``restarts.counted +
restarts.free`` is the number of attempts whose end is accounted for; an attempt's end is written to the status before
the next one starts, so a crash between any two writes leads back to the same decision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic

from slipway_operator.api.conditions import Reason
from slipway_operator.api.job import JobSpec, JobStatus, RunProgress
from slipway_operator.api.meta import PastArtifact
from slipway_operator.domain import standings, verdict
from slipway_operator.domain.conditions import (
    Position,
    Standing,
    going,
    shorten,
    stuck,
)
from slipway_operator.domain.failure import Ended, as_failure, settled
from slipway_operator.domain.identity import settings_hash
from slipway_operator.domain.notes import attempt_failed
from slipway_operator.domain.observed import Job, Pod, SeenObject
from slipway_operator.domain.outline import Outline, StatusT, children, plan_of, seen
from slipway_operator.domain.planning import Plan, Snapshot
from slipway_operator.domain.restarts import backoff_left, changed, counted, forgiven, given_up, mended, stuck_after
from slipway_operator.domain.times import moment, remaining, stamp
from slipway_operator.domain.waiting import pod_trouble, refused
from slipway_runtime.spec.summary import Summary

LOOK_AGAIN = 5.0
"""Seconds between looks at something whose end no event may announce, such as a node that is gone."""


@dataclass(frozen=True)
class Task(Generic[StatusT]):
    """What a kind adds to the common course of a run."""

    spec: JobSpec
    run: str
    job: Callable[[int], Mapping[str, Any]]
    """Manifest of an attempt's Job."""
    company: tuple[Mapping[str, Any], ...]
    """What must stand while an attempt runs."""
    results: Callable[[Summary], Mapping[str, Any]]
    """Fields of the status that a summary fills, besides the artifact."""
    needs_store: bool


@dataclass(frozen=True)
class Course(Generic[StatusT]):
    """One object's run as it stands."""

    snapshot: Snapshot
    task: Task[StatusT]
    now: datetime
    jobs: Mapping[int, Job] = field(default_factory=dict)
    """Jobs of this run by attempt."""
    other_jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()

    def outline(self, status: StatusT) -> Outline[StatusT]:
        """What to do now, given the status as it was written last."""
        status = self._begin(status)
        if status.artifact is not None and status.artifact_run == self.task.run:
            return self._finished(status, standings.published(status))
        if status.finished_at is not None:
            if not mended(status, self._settings):
                return self._finished(status, standings.failed(status))
            status = forgiven(status)
        for attempt in sorted(self.jobs, reverse=True):
            summary = verdict.published(self.jobs[attempt], self._pods_of(attempt))
            if summary is not None:
                return self._publish(status, summary)
        status = self._adopt(status)
        if status.restarts.counted + status.restarts.free >= status.attempt:
            return self._between(status)
        return self._judge(status)

    def _begin(self, status: StatusT) -> StatusT:
        """Forget the earlier run once the spec means another one; its artifact stays."""
        if status.run == self.task.run:
            return status
        fresh = JobStatus()
        names = ("attempt", "restarts", "stuck", "furthest_step", "progress", "last_failure", "attempt_settings")
        times = ("started_at", "attempt_started_at", "finished_at")
        cleared = {name: getattr(fresh, name) for name in (*names, *times)}
        return status.model_copy(update={**cleared, "run": self.task.run})

    def _adopt(self, status: StatusT) -> StatusT:
        """Take over an attempt whose Job stands although the status does not say so yet."""
        newest = max(self.jobs, default=0)
        if newest <= status.attempt:
            return status
        created = stamp(self.jobs[newest].metadata.creation_timestamp or self.now)
        unaccounted = max(0, newest - 1 - status.restarts.counted - status.restarts.free)
        restarts = status.restarts.model_copy(update={"free": status.restarts.free + unaccounted})
        return status.model_copy(
            update={
                "attempt": newest,
                "attempt_settings": self._settings,
                "restarts": restarts,
                "progress": None,
                "attempt_started_at": created,
                "started_at": status.started_at or created,
            }
        )

    def _judge(self, status: StatusT) -> Outline[StatusT]:
        """The active attempt: does it run, or how did it end?"""
        job = self.jobs.get(status.attempt)
        if self.task.spec.suspend and (job is None or not job.finished):
            return self._between(counted(status, free=True))
        if job is None:
            left = remaining(moment(status.attempt_started_at), verdict.VIEW_LAG, self.now)
            if left > 0:
                return self._waiting(status, left)
            return self._account(status, verdict.jobless(status.conditions))
        pods = self._pods_of(status.attempt)
        ended = verdict.ended(job, pods, self.now, before=status.last_failure)
        if isinstance(ended, Ended):
            return self._account(status, ended)
        return self._observe(status, job, pods, ended)

    def _observe(self, status: StatusT, job: Job, pods: tuple[Pod, ...], look_again: float | None) -> Outline[StatusT]:
        """An attempt that goes on, or waits for something."""
        first = next((pod for pod in pods if pod.index == 0 and pod.status.phase == "Running"), None)
        if first is not None and self.snapshot.progress is not None:
            status = status.model_copy(update={"progress": standings.progress(self.snapshot.progress)})
        trouble = pod_trouble(pods, self.snapshot.warnings)
        if trouble is None and not pods:
            trouble = refused(job.name, self.snapshot.warnings)
        if trouble is not None:
            standing = (going if trouble.passing else stuck)(trouble.reason, trouble.message)
            status = self._note(status, Ended(trouble.reason, trouble.message, trouble.pod))
            if changed(status, self._settings):
                return self._between(counted(status, free=True))
        elif pods and all(pod.status.phase == "Running" for pod in pods):
            standing = going(Reason.RUNNING, f"Attempt {status.attempt} is running.")
        else:
            standing = standings.starting(status.attempt)
        return Outline(
            status,
            standing,
            apply=self.task.company,
            delete=self._superseded(status.attempt),
            requeue_after=look_again,
            poll=first.status.pod_ip if first is not None else None,
        )

    def _account(self, status: StatusT, ended: Ended) -> Outline[StatusT]:
        """Write down how the active attempt ended, before anything follows from it."""
        status = self._note(status, ended)
        if ended.permanent:
            return self._fail(status, ended.reason, f"{ended.message} {standings.RERUN}")
        if ended.free:
            return self._again(counted(status, free=True))
        times, furthest = stuck_after(status)
        cause = f"{ended.reason}: {ended.message}"
        end = given_up(status, self.task.spec.failure_policy, stuck=times, furthest=furthest, cause=cause)
        status = status.model_copy(update={"stuck": times, "furthest_step": furthest})
        if end is not None:
            reason = Reason.NO_PROGRESS if end.no_progress else Reason.RESTART_LIMIT_EXCEEDED
            return self._fail(status, reason, end.message)
        return self._again(counted(status, free=False))

    def _again(self, status: StatusT) -> Outline[StatusT]:
        """After an attempt that was not the last one: people are told once, here, where its end is accounted for."""
        note = attempt_failed(status, self.task.spec, backoff_left(status, self.now))
        return replace(self._between(status), notes=(note,))

    def _between(self, status: StatusT) -> Outline[StatusT]:
        """No attempt is active: stop what is left of the last one, wait, and start the next one when it may."""
        left_over = self._superseded(status.attempt + 1)
        if self._busy(status.attempt):
            return self._held(status, left_over)
        if self.task.spec.suspend:
            standing = Standing(Position.SUSPENDED, Reason.SUSPENDED, "spec.suspend is true; set it to false to go on.")
            return Outline(status, standing, delete=left_over)
        if self.task.needs_store and not self.snapshot.store.ready:
            return Outline(status, standings.waiting_for_store(self.snapshot), delete=left_over, wants_store=True)
        wait = backoff_left(status, self.now)
        if wait > 0:
            return Outline(status, standings.after(status), delete=left_over, requeue_after=wait)
        return self._start(status, left_over)

    def _held(self, status: StatusT, left_over: tuple[Job, ...]) -> Outline[StatusT]:
        standing = standings.after(status)
        if self.task.spec.suspend:
            standing = going(Reason.SUSPENDED, "spec.suspend is true; the pods are being stopped.")
        return Outline(status, standing, delete=left_over, requeue_after=LOOK_AGAIN)

    def _start(self, status: StatusT, left_over: tuple[Job, ...]) -> Outline[StatusT]:
        attempt = status.attempt + 1
        started = stamp(self.now)
        status = status.model_copy(
            update={
                "attempt": attempt,
                "attempt_settings": self._settings,
                "progress": None,
                "attempt_started_at": started,
                "started_at": status.started_at or started,
            }
        )
        apply = (*self.task.company, self.task.job(attempt))
        return Outline(status, standings.starting(attempt), apply=apply, delete=left_over)

    def _waiting(self, status: StatusT, seconds: float) -> Outline[StatusT]:
        return Outline(status, standings.starting(status.attempt), apply=self.task.company, requeue_after=seconds)

    def _publish(self, status: StatusT, summary: Summary) -> Outline[StatusT]:
        artifact = summary.artifact
        assert artifact is not None  # noqa: S101 - verdict.published gives no other
        past = PastArtifact(digest=artifact.digest, uri=artifact.uri, run=self.task.run)
        older = tuple(one for one in status.history if one.digest != artifact.digest)
        done = status.progress or RunProgress()
        step = max(done.step, done.total_steps)
        progress = done.model_copy(
            update={"stage": "done", "percent": 100, "eta_seconds": 0, "step": step, "total_steps": step}
        )
        status = self._adopt(status)
        status = status.model_copy(
            update={
                "artifact": artifact,
                "artifact_run": self.task.run,
                "history": (past, *older),
                "progress": progress,
                **self.task.results(summary),
            }
        )
        return self._finished(status, standings.published(status))

    @property
    def _settings(self) -> str:
        return settings_hash(self.task.spec)

    def _fail(self, status: StatusT, reason: Reason, message: str) -> Outline[StatusT]:
        if mended(status, self._settings):
            return self._again(forgiven(status))
        return self._finished(status, Standing(Position.FAILED, reason, shorten(message)))

    def _finished(self, status: StatusT, standing: Standing) -> Outline[StatusT]:
        """A run that has ended: nothing runs any more, and its children go when their time is up."""
        status = status.model_copy(update={"finished_at": status.finished_at or stamp(self.now)})
        still_running = (job for job in self.jobs.values() if not job.finished)
        delete: tuple[SeenObject, ...] = tuple(job for job in (*still_running, *self.other_jobs) if not job.deleting)
        ttl = self.task.spec.ttl_seconds_after_finished
        if ttl is None:
            return Outline(status, standing, delete=delete)
        left = remaining(moment(status.finished_at), ttl, self.now)
        if left > 0:
            return Outline(status, standing, delete=delete, requeue_after=left)
        return Outline(status, standing, delete=children(self.snapshot))

    def _note(self, status: StatusT, ended: Ended) -> StatusT:
        failure = as_failure(ended, status.last_failure, self.now, attempt=status.attempt)
        return status.model_copy(update={"last_failure": failure})

    def _pods_of(self, attempt: int) -> tuple[Pod, ...]:
        return tuple(pod for pod in self.pods if pod.run == self.task.run and pod.attempt == attempt)

    def _superseded(self, active: int) -> tuple[Job, ...]:
        """Jobs to delete: those of other runs, older ones that still run, and all but the last that has ended."""
        old = [
            job for attempt, job in self.jobs.items() if attempt < active - 1 or (attempt < active and not job.finished)
        ]
        return tuple(job for job in (*self.other_jobs, *old) if not job.deleting)

    def _busy(self, attempt: int) -> bool:
        """Whether anything of earlier attempts may still work."""
        jobs = [*self.other_jobs, *(job for number, job in self.jobs.items() if number <= attempt)]
        return any(not job.finished for job in jobs) or any(not settled(pod, self.now) for pod in self.pods)


def course(snapshot: Snapshot, task: Task[StatusT], status: StatusT, now: datetime) -> Plan:
    """The plan of an object whose spec means ``task``."""
    jobs = seen(snapshot, "Job", Job)
    own = {job.attempt: job for job in jobs if job.run == task.run}
    others = tuple(job for job in jobs if job.run != task.run)
    found = Course(snapshot, task, now, own, others, seen(snapshot, "Pod", Pod)).outline(status)
    stale = tuple(one for one in seen(snapshot, "Service", SeenObject) if one.run != task.run and not one.deleting)
    delete = found.delete + tuple(one for one in stale if one not in found.delete)
    kept = found.status.model_copy(update={"history": found.status.history[: task.spec.history]})
    return plan_of(snapshot, replace(found, status=kept, delete=delete), now)
