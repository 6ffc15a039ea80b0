"""Import of a model that its URI does not name by digest: one Job, tried again until it publishes or cannot."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway_operator.api.conditions import Reason
from slipway_operator.api.meta import Failure
from slipway_operator.api.modelservice import Imported, ModelServiceSpec, ModelServiceStatus, TargetState
from slipway_operator.domain import verdict
from slipway_operator.domain.conditions import Standing, going, stuck
from slipway_operator.domain.failure import Ended, as_failure
from slipway_operator.domain.identity import RUN_LENGTH, fingerprint
from slipway_operator.domain.observed import Job, Pod
from slipway_operator.domain.outline import seen
from slipway_operator.domain.planning import Settings, Snapshot
from slipway_operator.domain.references import Foreign, Resolved
from slipway_operator.domain.render.jobs import import_job
from slipway_operator.domain.restarts import FREE_DELAY, delay
from slipway_operator.domain.standings import waiting_for_store
from slipway_operator.domain.times import moment, remaining
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
    parts: dict[str, Any] = {"kind": "Import", "uri": source.uri, "secretName": source.secret_name}
    if source.convert is not None:
        # Other settings, a permission among them, are another import: the one before may have failed for want of them.
        parts["convert"] = source.convert.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return fingerprint(parts, RUN_LENGTH)


@dataclass(frozen=True)
class Import:
    """The import of one URI for one ModelService."""

    snapshot: Snapshot
    settings: Settings
    spec: ModelServiceSpec
    status: ModelServiceStatus
    source: Foreign
    now: datetime

    @property
    def run(self) -> str:
        """Identity of the import."""
        return import_run(self.source)

    @property
    def before(self) -> Failure | None:
        """The import's failure that was seen last; failures of serving pods carry no attempt."""
        failure = self.status.target.last_failure if self.status.target is not None else None
        return failure if failure is not None and failure.attempt is not None else None

    def result(self) -> tuple[Imported, Resolved] | Importing:
        """The artifact that the URI was imported as, or what the import needs now."""
        known, target = self.status.imported, self.status.target
        if known is not None and known.run == self.run:
            metrics = target.metrics if target is not None and target.digest == known.digest else ()
            return known, Resolved(known.digest, known.uri, metrics=metrics)
        jobs = [job for job in seen(self.snapshot, "Job", Job) if job.run == self.run]
        if not jobs:
            return self._start(1, None)
        job = max(jobs, key=lambda one: one.attempt)
        pods = tuple(
            pod for pod in seen(self.snapshot, "Pod", Pod) if pod.run == self.run and pod.attempt == job.attempt
        )
        summary = verdict.published(job, pods)
        if summary is not None and summary.artifact is not None:
            ref = summary.artifact
            found = Imported(run=self.run, uri=ref.uri, digest=ref.digest)
            return found, Resolved(ref.digest, ref.uri, metrics=ref.metrics)
        ended = verdict.ended(job, pods, self.now, before=self.before)
        if isinstance(ended, Ended):
            return self._ended(job.attempt, ended)
        return self._running(job, pods, ended)

    def _start(self, attempt: int, failure: Failure | None) -> Importing:
        if not self.snapshot.store.ready:
            standing = waiting_for_store(self.snapshot)
            return Importing(standing, TargetState.PENDING, attempt - 1, failure=failure, wants_store=True)
        source = self.source
        job = import_job(
            self.snapshot,
            self.settings,
            self.spec.pod_template,
            self.run,
            attempt,
            uri=source.uri,
            secret_name=source.secret_name,
            convert=source.convert,
        )
        return Importing(_IMPORTING, TargetState.IMPORTING, attempt, apply=(job,), failure=failure)

    def _running(self, job: Job, pods: tuple[Pod, ...], look_again: float | None) -> Importing:
        trouble = pod_trouble(pods, self.snapshot.warnings) or refused(job.name, self.snapshot.warnings)
        standing = _IMPORTING
        if trouble is not None:
            standing = (going if trouble.passing else stuck)(trouble.reason, trouble.message)
        state, failure = TargetState.IMPORTING, self.before
        return Importing(standing, state, job.attempt, failure=failure, requeue_after=look_again)

    def _ended(self, attempt: int, ended: Ended) -> Importing:
        failure = as_failure(ended, self.before, self.now, attempt=attempt)
        if ended.permanent:
            remedy = "Correct it and name it by another URI."
            if self.source.convert is not None:
                remedy = "Correct spec.model, or correct the file and name it by another URI."
            text = f"{self.source.uri} cannot be imported: {ended.message} {remedy}"
            return Importing(stuck(ended.reason, text), TargetState.FAILED, attempt, failure=failure)
        left = FREE_DELAY if ended.free else delay(attempt)
        if failure is self.before:
            left = remaining(moment(failure.time), left, self.now)
        if left == 0:
            return self._start(attempt + 1, failure)
        standing = going(ended.reason, f"{self.source.uri} was not imported: {ended.message} Another attempt follows.")
        return Importing(standing, TargetState.IMPORTING, attempt, failure=failure, requeue_after=left)


def old_imports(snapshot: Snapshot, status: ModelServiceStatus, source: object) -> tuple[Job, ...]:
    """Import Jobs that nobody needs: of other URIs, of earlier attempts, and those whose result is on record."""
    jobs = seen(snapshot, "Job", Job)
    run = import_run(source) if isinstance(source, Foreign) else ""
    done = status.imported is not None and status.imported.run == run
    newest = max((job.attempt for job in jobs if job.run == run), default=0)
    return tuple(job for job in jobs if not job.deleting and (done or job.run != run or job.attempt < newest))
