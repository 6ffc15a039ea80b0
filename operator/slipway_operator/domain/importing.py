"""Import of a model that its URI does not name by digest: one Job, tried again until it publishes or cannot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway_operator.api.conditions import Reason
from slipway_operator.api.meta import Failure
from slipway_operator.api.modelservice import Imported, ModelServiceSpec, ModelServiceStatus, TargetState
from slipway_operator.domain import verdict
from slipway_operator.domain.conditions import Standing, going, shorten, stuck
from slipway_operator.domain.failure import Ended
from slipway_operator.domain.identity import RUN_LENGTH, fingerprint
from slipway_operator.domain.observed import Job, Pod
from slipway_operator.domain.planning import Settings, Snapshot
from slipway_operator.domain.references import Foreign, Resolved
from slipway_operator.domain.render.jobs import import_job
from slipway_operator.domain.restarts import FREE_DELAY, delay
from slipway_operator.domain.runs import seen, store_standing
from slipway_operator.domain.times import moment, remaining, stamp
from slipway_operator.domain.waiting import pod_trouble, refused

_IMPORTING = going(Reason.IMPORTING, "The model is being imported into the store.")


@dataclass(frozen=True)
class Importing:
    """An import that has not published yet."""

    standing: Standing
    state: TargetState
    attempt: int
    apply: tuple[dict[str, Any], ...] = ()
    failure: Failure | None = None
    requeue_after: float | None = None
    wants_store: bool = False


def import_run(source: Foreign) -> str:
    """Identity of an import: what the URI held when it was first imported stays, until the URI is another."""
    return fingerprint({"kind": "Import", "uri": source.uri, "secretName": source.secret_name}, RUN_LENGTH)


def imported(
    snapshot: Snapshot,
    settings: Settings,
    spec: ModelServiceSpec,
    status: ModelServiceStatus,
    source: Foreign,
    now: datetime,
) -> tuple[Imported, Resolved] | Importing:
    """The artifact that a URI was imported as, or what the import needs now."""
    run = import_run(source)
    known = status.imported
    if known is not None and known.run == run:
        same = status.target is not None and status.target.digest == known.digest
        metrics = status.target.metrics if same and status.target is not None else ()
        return known, Resolved(known.digest, known.uri, metrics=metrics)
    jobs = [job for job in seen(snapshot, "Job", Job) if job.run == run]
    if not jobs:
        return _start(snapshot, settings, spec, source, run, 1)
    job = max(jobs, key=lambda one: one.attempt)
    pods = tuple(pod for pod in seen(snapshot, "Pod", Pod) if pod.run == run and pod.attempt == job.attempt)
    summary = verdict.published(job, pods)
    if summary is not None and summary.artifact is not None:
        ref = summary.artifact
        return Imported(run=run, uri=ref.uri, digest=ref.digest), Resolved(ref.digest, ref.uri, metrics=ref.metrics)
    before = status.target.last_failure if status.target is not None else None
    ended = verdict.ended(job, pods, now, before=before)
    if isinstance(ended, Ended):
        return _ended(snapshot, settings, spec, source, run, job.attempt, ended, before, now)
    return _running(snapshot, job, pods, ended)


def old_imports(snapshot: Snapshot, status: ModelServiceStatus, source: object) -> tuple[Job, ...]:
    """Import Jobs that nobody needs: of other URIs, of earlier attempts, and those whose result is on record."""
    jobs = seen(snapshot, "Job", Job)
    run = import_run(source) if isinstance(source, Foreign) else ""
    done = status.imported is not None and status.imported.run == run
    newest = max((job.attempt for job in jobs if job.run == run), default=0)
    return tuple(job for job in jobs if not job.deleting and (done or job.run != run or job.attempt < newest))


def _start(
    snapshot: Snapshot, settings: Settings, spec: ModelServiceSpec, source: Foreign, run: str, attempt: int
) -> Importing:
    if not snapshot.store.ready:
        return Importing(store_standing(snapshot), TargetState.PENDING, attempt - 1, wants_store=True)
    job = import_job(
        snapshot, settings, spec.pod_template, run, attempt, uri=source.uri, secret_name=source.secret_name
    )
    return Importing(_IMPORTING, TargetState.IMPORTING, attempt, apply=(job,))


def _running(snapshot: Snapshot, job: Job, pods: tuple[Pod, ...], look_again: float | None) -> Importing:
    trouble = pod_trouble(pods, snapshot.warnings) or refused(job.name, snapshot.warnings)
    if trouble is None:
        return Importing(
            _IMPORTING,
            TargetState.IMPORTING,
            job.attempt,
            requeue_after=look_again,
        )
    standing = (going if trouble.passing else stuck)(trouble.reason, trouble.message)
    return Importing(standing, TargetState.IMPORTING, job.attempt, requeue_after=look_again)


def _ended(
    snapshot: Snapshot,
    settings: Settings,
    spec: ModelServiceSpec,
    source: Foreign,
    run: str,
    attempt: int,
    ended: Ended,
    before: Failure | None,
    now: datetime,
) -> Importing:
    failure = Failure(
        reason=ended.reason,
        message=shorten(ended.message),
        exit_code=ended.exit_code,
        pod=ended.pod,
        attempt=attempt,
        time=stamp(now),
    )
    if before is not None and before.model_copy(update={"time": failure.time}) == failure:
        failure = before
    if ended.permanent:
        text = f"{source.uri} cannot be imported: {ended.message} Correct it, then name it by another spec.model.uri."
        return Importing(stuck(ended.reason, text), TargetState.FAILED, attempt, failure=failure)
    wait = FREE_DELAY if ended.free else delay(attempt)
    left = remaining(moment(failure.time), wait, now) if failure is before else wait
    if left > 0:
        text = f"{source.uri} was not imported: {ended.message} Another attempt follows."
        return Importing(going(ended.reason, text), TargetState.IMPORTING, attempt, failure=failure, requeue_after=left)
    again = _start(snapshot, settings, spec, source, run, attempt + 1)
    return Importing(
        again.standing, again.state, again.attempt, again.apply, failure, again.requeue_after, again.wants_store
    )
