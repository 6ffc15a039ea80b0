"""Decisions about a CompressionJob."""

from datetime import datetime

from slipway_operator.api.compressionjob import CompressionJobSpec, CompressionJobStatus
from slipway_operator.domain.conditions import going, stuck
from slipway_operator.domain.identity import run_hash
from slipway_operator.domain.observed import Job
from slipway_operator.domain.outline import Outline, plan_of, seen
from slipway_operator.domain.parsing import read_spec, read_status
from slipway_operator.domain.planning import Plan, Settings, Snapshot
from slipway_operator.domain.references import Foreign, Resolved, Unresolved, resolve
from slipway_operator.domain.render.jobs import compression_job
from slipway_operator.domain.render.network_policy import network_policy
from slipway_operator.domain.runs import Task, course
from slipway_operator.domain.training import needs_store
from slipway_runtime.spec.summary import Summary


def decide_compression(snapshot: Snapshot, settings: Settings, now: datetime) -> Plan:
    """What a CompressionJob needs now.

    Raises:
        SpecInvalid: Its spec does not parse.
    """
    spec = read_spec(CompressionJobSpec, snapshot.owner)
    status = read_status(CompressionJobStatus, snapshot.owner)
    key = snapshot.key
    source = resolve(spec.source, snapshot.sources, (key.kind, key.name))
    if isinstance(source, Unresolved):
        kept = None if source.permanent else _kept(snapshot, spec, status)
        if kept is None:
            return _wait(snapshot, status, source, now)
        source = kept
    run = _run(snapshot, spec, source)
    if isinstance(source, Resolved):
        status = status.model_copy(update={"source": source.digest, "source_uri": source.uri})
    else:
        status = status.model_copy(update={"source": None, "source_uri": None})
    task = Task[CompressionJobStatus](
        spec=spec,
        run=run,
        job=lambda attempt: compression_job(
            snapshot, settings, spec, run, attempt, source_uri=source.uri, source_secret=source.secret_name
        ),
        company=_company(snapshot, settings, spec, source),
        results=_results,
        needs_store=needs_store(spec.output.secret_name),
    )
    return course(snapshot, task, status, now)


def _run(snapshot: Snapshot, spec: CompressionJobSpec, source: Resolved | Foreign) -> str:
    identity = source.digest if isinstance(source, Resolved) else source.uri
    return run_hash(snapshot.key.kind, spec, {"source": identity})


def _kept(snapshot: Snapshot, spec: CompressionJobSpec, status: CompressionJobStatus) -> Resolved | None:
    """The artifact that the run on record compresses, while the spec still means that run.

    So a run outlives the object that made its source.
    """
    if status.source is None or status.source_uri is None:
        return None
    known = Resolved(status.source, status.source_uri)
    return known if _run(snapshot, spec, known) == status.run else None


def _wait(snapshot: Snapshot, status: CompressionJobStatus, source: Unresolved, now: datetime) -> Plan:
    """Without a source nothing runs; what was published stays."""
    running = tuple(job for job in seen(snapshot, "Job", Job) if not job.finished and not job.deleting)
    standing = (stuck if source.permanent else going)(source.reason, source.message)
    return plan_of(snapshot, Outline(status, standing, delete=running), now)


def _company(
    snapshot: Snapshot, settings: Settings, spec: CompressionJobSpec, source: Resolved | Foreign
) -> tuple[dict[str, object], ...]:
    if not settings.network_policies:
        return ()
    named = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return (network_policy(snapshot, settings, named, {"uri": source.uri, "secretName": source.secret_name}),)


def _results(summary: Summary) -> dict[str, object]:
    return {"report": summary.report}
