"""What a run says when it ends: the container's termination message and, in the store, ``result.json``."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from slipway_runtime.spec.base import Decimal, SpecModel

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]


class Outcome(StrEnum):
    """How a run ended, as a condition's reason."""

    PUBLISHED = "Published"
    CONFIG_ERROR = "ConfigError"
    GATE_REFUSED = "GateRefused"
    CONVERSION_MISMATCH = "ConversionMismatch"
    RETRY = "Retry"
    PREEMPTED = "Preempted"
    CRASHED = "Crashed"


class Metric(SpecModel):
    """A measured value with its 95 % interval."""

    name: str = Field(max_length=63, description="Metric's name.")
    value: Decimal = Field(description="Measured value.")
    low: Decimal | None = Field(None, description="Lower end of the 95 % interval.")
    high: Decimal | None = Field(None, description="Upper end of the 95 % interval.")


Metrics = Annotated[tuple[Metric, ...], Field(max_length=16)]


class ArtifactRef(SpecModel):
    """A published artifact."""

    uri: str = Field(max_length=1200, description="Where its manifest is: <store>/manifests/<sha256>.")
    digest: Digest = Field(description="Identity of the artifact.")
    size_bytes: int = Field(ge=0, alias="bytes", description="Size of its files.")
    metrics: Metrics = Field(default=(), description="Held-out metrics.")


class Measurement(SpecModel):
    """One side of a report."""

    size_bytes: int = Field(ge=0, alias="bytes", description="Size of the model file.")
    latency_ms: Decimal = Field(description="Fastest batch-1 inference, milliseconds, interleaved with the other side.")
    metrics: Metrics = Field(default=(), description="Metrics on the evaluation's examples.")


class PassMeasurement(SpecModel):
    """The model's state after one pass."""

    name: str = Field(max_length=63, description="The pass, for example quantize/int8-static.")
    size_bytes: int = Field(ge=0, alias="bytes", description="Size of the model file after it.")


class Report(SpecModel):
    """Measured before/after record of a compression."""

    before: Measurement = Field(description="The source.")
    after: Measurement = Field(description="The result.")
    size_ratio: Decimal = Field(description="Bytes before divided by bytes after.")
    speedup: Decimal = Field(description="Latency before divided by latency after.")
    drops: Metrics = Field(default=(), description="Loss of each metric with its paired 95 % interval.")
    per_pass: Annotated[tuple[PassMeasurement, ...], Field(max_length=8)] = Field(
        default=(), description="After each pass."
    )


class Summary(SpecModel):
    """How a run ended. Fits a termination message: at most 4096 bytes as JSON."""

    outcome: Outcome
    message: str = Field("", max_length=1024, description="One line: what happened and what to do.")
    artifact: ArtifactRef | None = None
    report: Report | None = None
