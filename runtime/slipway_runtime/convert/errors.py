"""Endings of a conversion."""

from slipway_runtime.run.errors import ConfigError, RunError
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome

SUPPORTED = (
    ".onnx, scikit-learn .pkl and .joblib (XGBoost and LightGBM estimators too), XGBoost .json and .ubj, "
    "LightGBM .txt, Keras .keras and .h5, TensorFlow SavedModel, torch.export .pt2, TorchScript .pt, "
    "and .safetensors of a bundled recipe"
)


class UnsupportedModel(ConfigError):
    """The file is nothing that can be converted."""

    def __init__(self, shown: str, found: str, remedy: str) -> None:
        super().__init__(f"{shown}: found {found}; {remedy}. Supported: {SUPPORTED}")
        self.found = found
        self.remedy = remedy


class PickleRefused(ConfigError):
    """The file runs code when it is opened, and nobody has permitted that."""


class ConversionMismatch(RunError):
    """The converted model answers otherwise than its source; nothing was published."""

    # As for a gate: the model missed a bound, and another attempt ends the same way.
    exit_code = ExitCode.GATE_REFUSED
    outcome = Outcome.CONVERSION_MISMATCH
