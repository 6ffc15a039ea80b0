"""What a running pod answers on ``GET /progress``."""

from typing import Annotated

from pydantic import Field

from slipway_runtime.spec.base import Decimal, SpecModel

PROGRESS_PORT = 8787


class ProgressMetric(SpecModel):
    """A metric as it stands while the run goes on."""

    name: str = Field(max_length=63, description="Metric's name.")
    value: Decimal = Field(description="Latest value.")


class Progress(SpecModel):
    """How far a run is."""

    stage: str = Field("starting", max_length=63, description="What it does now: starting, loading, training, …")
    step: int = Field(0, ge=0, description="Finished steps.")
    total_steps: int = Field(0, ge=0, description="Steps in all; 0 when unknown.")
    eta_seconds: int | None = Field(None, ge=0, description="Seconds left at the present rate.")
    throughput: Decimal | None = Field(None, description="Examples a second.")
    metrics: Annotated[tuple[ProgressMetric, ...], Field(max_length=16)] = Field(
        default=(), description="Latest metrics."
    )
