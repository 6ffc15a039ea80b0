"""What the protocol tells about the server and its models: metadata and configuration."""

from collections.abc import Iterable
from typing import Any

from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.repository import Listed
from slipway_runtime.serve.tensors import Datatype, TensorSpec

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "statistics")
REPOSITORY = "model_repository"


def server_metadata(*, admin: bool) -> dict[str, Any]:
    """Name, version, and the extensions that work here; ``admin``: models may be loaded and unloaded by request."""
    # Imported late: it costs as much as the whole event loop, and few ask.
    from importlib.metadata import version

    return {
        "name": "slipway-serve",
        "version": version("slipway"),
        "extensions": [*EXTENSIONS, *((REPOSITORY,) if admin else ())],
    }


def model_metadata(model: ServedModel) -> dict[str, Any]:
    """Inputs and outputs, with -1 for a dimension that each request chooses."""
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": model.engine.platform,
        "inputs": [_tensor(spec) for spec in model.signature.inputs.values()],
        "outputs": [_tensor(spec) for spec in model.signature.outputs.values()],
    }


def model_config(model: ServedModel) -> dict[str, Any]:
    """Triton's model configuration, as far as it means something here.

    ``max_batch_size`` is 0, which says that ``dims`` hold every dimension, a batch among them.
    """
    return {
        "name": model.name,
        "platform": model.engine.platform,
        "backend": model.engine.platform.partition("_")[0],
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": [_configured(spec) for spec in model.signature.inputs.values()],
        "output": [_configured(spec) for spec in model.signature.outputs.values()],
    }


def repository_index(models: Iterable[Listed]) -> list[dict[str, str]]:
    """Every model that this process knows, with its state."""
    return [{"name": one.name, "version": one.version, "state": one.state, "reason": one.reason} for one in models]


def config_type(datatype: Datatype) -> str:
    """A datatype as model configurations spell it."""
    return "TYPE_STRING" if datatype is Datatype.BYTES else f"TYPE_{datatype}"


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _configured(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "data_type": config_type(spec.datatype), "dims": spec.shape}
