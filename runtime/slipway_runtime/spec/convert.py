"""What a conversion of a model file can be asked to do."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from slipway_runtime.spec.base import Name, SpecModel


class ModelFormat(StrEnum):
    """How a model file is written; ``auto`` goes by its content."""

    AUTO = "auto"
    ONNX = "onnx"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    KERAS = "keras"
    TENSORFLOW = "tensorflow"
    TORCH_EXPORT = "torch-export"
    TORCHSCRIPT = "torchscript"
    SAFETENSORS = "safetensors"


class SampleSource(SpecModel):
    """Examples that the model and its conversion must answer alike."""

    uri: str = Field(
        min_length=1,
        max_length=1024,
        description="A .npz or .npy file, a .csv of numbers, or a .txt with one text a line.",
    )
    secret_name: Name | None = Field(
        None, description="Secret that reads it; the one that reads the model when absent."
    )


class ConvertSpec(SpecModel):
    """One conversion: what ``slipway-convert`` is given."""

    format: ModelFormat = Field(ModelFormat.AUTO, description="How the file is written; auto goes by its content.")
    allow_pickle: bool = Field(
        default=False,
        description="Run the code inside a pickle, in the conversion's own pod. Only for files that you trust.",
    )
    samples: SampleSource | None = Field(
        None, description="Examples to compare on; generated from the signature when absent."
    )
    input_shape: Annotated[tuple[Annotated[int, Field(ge=1, le=1_048_576)], ...], Field(max_length=8)] | None = Field(
        None, description="Shape of one example, without the batch, where the file does not tell it: TorchScript."
    )
    classes: Annotated[tuple[Annotated[str, Field(max_length=253)], ...], Field(max_length=1024)] = Field(
        default=(), description="Label names in the order of the outputs, where the file does not tell them."
    )


PICKLE_ENDINGS = (".pkl", ".pickle", ".joblib")

_ENDINGS = (
    *PICKLE_ENDINGS,
    ".h5",
    ".hdf5",
    ".json",
    ".keras",
    ".pt",
    ".pt2",
    ".pth",
    ".safetensors",
    ".txt",
    ".ubj",
)
"""Endings of files that cannot be served as they are."""


def wants_conversion(uri: str, spec: ConvertSpec) -> bool:
    """Whether a model must be converted before it is served: a setting of the conversion says so, or the ending does.

    What lies at the URI is not looked at. A folder has no ending: a SavedModel needs a format.
    """
    return spec != ConvertSpec() or urlsplit(uri).path.lower().endswith(_ENDINGS)
