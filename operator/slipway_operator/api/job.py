"""What TrainingJob and CompressionJob have in common."""

from typing import Annotated

from pydantic import Field

from slipway_operator.api.meta import (
    Condition,
    DeletionPolicy,
    Failure,
    FailurePolicy,
    Output,
    PastArtifact,
    PodTemplate,
    Timestamp,
)
from slipway_runtime.spec.base import Decimal, SpecModel
from slipway_runtime.spec.progress import ProgressMetric
from slipway_runtime.spec.summary import ArtifactRef


class JobSpec(SpecModel):
    """Settings around a run that do not change what the run means."""

    output: Output = Field(default=Output(), description="Where the artifact is published.")
    failure_policy: FailurePolicy = Field(default=FailurePolicy(), description="How long a run is tried again.")
    suspend: bool = Field(default=False, description="Stop the active attempt and start no other until false again.")
    rerun: str = Field("", max_length=63, description="Any text; change it to run the same spec again.")
    history: int = Field(5, ge=1, le=100, description="Published artifacts that are kept.")
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN, description="What happens to the artifacts when this object is deleted."
    )
    ttl_seconds_after_finished: int | None = Field(
        None, ge=0, le=31_536_000, description="Seconds after which a finished run's pods are deleted; never if absent."
    )
    pod_template: PodTemplate = Field(default=PodTemplate(), description="The few things about pods that you may set.")


class Restarts(SpecModel):
    """Restarts of the active run."""

    counted: int = Field(0, ge=0, description="Restarts that count towards failurePolicy.maxRestarts.")
    free: int = Field(
        0, ge=0, description="Restarts that do not: after preemption, node loss, suspension or changed settings."
    )


class RunProgress(SpecModel):
    """How far the active attempt is."""

    stage: str = Field("", max_length=63, description="What it does now.")
    step: int = Field(0, ge=0, description="Finished steps.")
    total_steps: int = Field(0, ge=0, description="Steps in all.")
    percent: int = Field(0, ge=0, le=100, description="Finished share.")
    eta_seconds: int | None = Field(None, ge=0, description="Seconds left at the present rate.")
    throughput: Decimal | None = Field(None, description="Examples a second.")
    metrics: Annotated[tuple[ProgressMetric, ...], Field(max_length=16)] = Field(
        default=(), description="Latest metrics."
    )


class JobStatus(SpecModel):
    """What is observed of a job."""

    observed_generation: int = Field(0, ge=0, description="Generation of the spec that this status is about.")
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = Field(default=(), description="Conditions.")
    run: str | None = Field(None, max_length=16, description="Identity of what the spec means.")
    attempt: int = Field(0, ge=0, description="Attempt of that run, from 1.")
    attempt_settings: str | None = Field(
        None, max_length=16, description="Identity of the settings that the attempt was started with."
    )
    restarts: Restarts = Field(default=Restarts(), description="Restarts of that run.")
    stuck: int = Field(0, ge=0, description="Failed attempts in a row that got no further.")
    furthest_step: int = Field(0, ge=0, description="Furthest step that an ended attempt of this run reported.")
    started_at: Timestamp | None = Field(None, description="When the run's first attempt started.")
    attempt_started_at: Timestamp | None = Field(None, description="When the active attempt was created.")
    finished_at: Timestamp | None = Field(None, description="When the run ended.")
    progress: RunProgress | None = Field(None, description="How far the active attempt is.")
    artifact: ArtifactRef | None = Field(None, description="The newest published artifact.")
    artifact_run: str | None = Field(None, max_length=16, description="The run that published it.")
    history: Annotated[tuple[PastArtifact, ...], Field(max_length=100)] = Field(
        default=(), description="Artifacts kept by spec.history, newest first."
    )
    last_failure: Failure | None = Field(None, description="The latest failure, in the pod's own words.")
