"""A TrainingJob, its attempts, and the plans that follow from them."""

from collections.abc import Mapping
from typing import Any

from tests.unit.operator.domain.builders import TRAINING, Body, applied, ask, at, ended, job, pod

from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_operator.domain.identity import run_hash
from slipway_operator.domain.planning import Kind, Plan, RawObject

RUN = run_hash(Kind.TRAINING_JOB, TrainingJobSpec.model_validate(TRAINING), {})


def name(attempt: int, run: str = RUN) -> str:
    return f"digits-{run[:8]}-{attempt}"


def status(attempt: int = 1, **fields: Any) -> Body:
    return {"run": RUN, "attempt": attempt, "attemptStartedAt": at(-60), "startedAt": at(-60), **fields}


def train(
    told: Body | None = None,
    *,
    jobs: tuple[RawObject, ...] = (),
    pods: tuple[RawObject, ...] = (),
    others: Mapping[str, tuple[RawObject, ...]] | None = None,
    spec: Body | None = None,
    **more: Any,
) -> Plan:
    children = {"Job": jobs, "Pod": pods, **(others or {})}
    return ask(Kind.TRAINING_JOB, {**TRAINING, **(spec or {})}, told, children=children, **more)


def failing(code: int, message: str = "it broke", attempt: int = 1, **more: Any) -> Body:
    return {
        "jobs": (job(name(attempt), RUN, attempt, "Failed"),),
        "pods": (pod("p0", RUN, attempt, phase="Failed", containers=(ended(code, message, **more),)),),
    }


def wrote(plan: Plan) -> Body:
    assert plan.status is not None
    return dict(plan.status)


def started(plan: Plan) -> list[str]:
    return [one["metadata"]["name"] for one in applied(plan, "Job")]
