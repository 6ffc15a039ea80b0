"""What a compression run can be asked to do."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.gate import CompressionGate


class QuantizationScheme(StrEnum):
    """How weights and activations become 8-bit integers."""

    INT8_STATIC = "int8-static"
    INT8_DYNAMIC = "int8-dynamic"


class Calibration(SpecModel):
    """Examples that fix the activations' ranges of a static scheme."""

    samples: int = Field(256, ge=1, le=65536, description="Examples taken from the evaluation's training share.")
    dataset: DatasetSource | None = Field(None, description="Where they come from; the evaluation's dataset if absent.")


class Quantize(SpecModel):
    """Quantize to 8 bits."""

    scheme: QuantizationScheme = Field(
        description="int8-static (calibrated; best for convolutions) or int8-dynamic (no data; best for linear layers)."
    )
    calibration: Calibration | None = Field(None, description="Used by int8-static; 256 samples when absent.")


class CompressionPass(SpecModel):
    """Exactly one compression step."""

    quantize: Quantize | None = Field(None, description="Quantize to 8 bits.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "CompressionPass":
        if self.quantize is None:
            raise ValueError("set quantize: it is the pass there is")
        return self


class Evaluation(SpecModel):
    """What before and after are measured on."""

    dataset: DatasetSource = Field(
        description="Labelled examples. Of the dataset that the source was trained on, the held-out share is used."
    )


class CompressSpec(SpecModel):
    """One compression run: what ``slipway-compress`` is given."""

    passes: Annotated[tuple[CompressionPass, ...], Field(min_length=1, max_length=8)] = Field(
        description="Steps, in order."
    )
    evaluation: Evaluation = Field(description="What before and after are measured on.")
    gate: CompressionGate | None = Field(None, description="Bounds that must hold before the model is published.")
