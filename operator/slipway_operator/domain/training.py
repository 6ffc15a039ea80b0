"""Decisions about a TrainingJob."""

from datetime import datetime

from slipway_operator.api.trainingjob import TrainingJobSpec, TrainingJobStatus
from slipway_operator.domain.identity import run_hash
from slipway_operator.domain.parsing import read_spec, read_status
from slipway_operator.domain.planning import Plan, Settings, Snapshot
from slipway_operator.domain.render.jobs import headless_service, output_uri, training_job
from slipway_operator.domain.render.network_policy import network_policy
from slipway_operator.domain.render.objects import Manifest
from slipway_operator.domain.runs import Task, course


def decide_training(snapshot: Snapshot, settings: Settings, now: datetime) -> Plan:
    """What a TrainingJob needs now.

    Raises:
        SpecInvalid: Its spec does not parse.
    """
    spec = read_spec(TrainingJobSpec, snapshot.owner)
    status = read_status(TrainingJobStatus, snapshot.owner)
    run = run_hash(snapshot.key.kind, spec, {})
    task = Task[TrainingJobStatus](
        spec=spec,
        run=run,
        job=lambda attempt: training_job(snapshot, settings, spec, run, attempt),
        company=_company(snapshot, settings, spec, run),
        results=lambda _: {},
        needs_store=needs_store(spec.output.secret_name),
    )
    return course(snapshot, task, status, now)


def needs_store(output_secret: str | None) -> bool:
    """Whether a job cannot start before the namespace has its account: unless it brings credentials of its own."""
    return output_secret is None


def _company(snapshot: Snapshot, settings: Settings, spec: TrainingJobSpec, run: str) -> tuple[Manifest, ...]:
    company: list[Manifest] = []
    if settings.network_policies:
        named = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        company.append(network_policy(snapshot, settings, named, {"uri": output_uri(spec, snapshot)}))
    if spec.nodes > 1:
        company.append(headless_service(snapshot, run))
    return tuple(company)
