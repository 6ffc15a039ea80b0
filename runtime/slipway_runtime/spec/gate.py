"""Bounds that must hold before anything is published."""

from typing import Annotated

from pydantic import Field, model_validator

from slipway_runtime.spec.base import Decimal, MetricName, PositiveDecimal, SpecModel


class MetricBound(SpecModel):
    """A metric's permitted range; at least one of ``min`` and ``max``."""

    name: MetricName = Field(description="Metric the recipe reports: accuracy, macro_f1, log_loss, rmse, mae or r2.")
    min: Decimal | None = Field(None, description='Smallest value that passes, for example "0.95".')
    max: Decimal | None = Field(None, description="Largest value that passes.")

    @model_validator(mode="after")
    def _has_a_bound(self) -> "MetricBound":
        if self.min is None and self.max is None:
            raise ValueError("set min, max or both")
        return self


class TrainingGate(SpecModel):
    """What a trained model must reach on held-out data."""

    metrics: Annotated[tuple[MetricBound, ...], Field(min_length=1, max_length=16)] = Field(
        description="Every bound must hold."
    )


class MetricDrop(SpecModel):
    """How much worse than its source a compressed model may be."""

    name: MetricName = Field(description="Metric of the evaluation, for example accuracy.")
    max_drop: PositiveDecimal = Field(
        description='Largest permitted loss, in the metric\'s own unit (for example "0.01").'
    )


class CompressionGate(SpecModel):
    """What a compressed model must keep and gain."""

    metrics: Annotated[tuple[MetricDrop, ...], Field(max_length=16)] = Field(
        default=(), description="Largest permitted loss for each metric."
    )
    min_size_ratio: PositiveDecimal | None = Field(None, description="Size before divided by size after, at least.")
    min_speedup: PositiveDecimal | None = Field(None, description="Latency before divided by latency after, at least.")
