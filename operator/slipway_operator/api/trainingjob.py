"""TrainingJob: from data to a published, gated model."""

from pydantic import Field

from slipway_operator.api.job import JobSpec, JobStatus
from slipway_runtime.spec.train import TrainSpec


class TrainingJobSpec(JobSpec, TrainSpec):
    """What to train, on what, and how it runs."""

    nodes: int = Field(1, ge=1, le=1024, description="Pods that train together.")
    processes_per_node: int | None = Field(
        None, ge=1, le=64, description="Training processes a pod; one a GPU, or one without GPUs, when absent."
    )
    gpus: int = Field(0, ge=0, le=64, description="GPUs a pod.")


class TrainingJobStatus(JobStatus):
    """What is observed of a TrainingJob."""
