"""safetensors of a bundled recipe: weights, and the ``model.json`` beside them that names the network."""

from pathlib import Path

from pydantic import ValidationError

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.artifact.onnxfile import MODEL_FILE
from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.detect import BLUEPRINT_FILE
from slipway_runtime.run.context import explain_validation
from slipway_runtime.run.errors import ConfigError


def convert(request: Request) -> Converted:
    """Build the network, load its weights and export it as training does.

    Raises:
        ConfigError: There is no ``model.json``, it does not read, or the weights are of another network.
    """
    import torch
    from safetensors.torch import load_file

    from slipway_runtime.train.export import INPUT, onnx_bytes
    from slipway_runtime.train.networks import Blueprint, Network, Served

    weights, blueprint_file = _files(request)
    try:
        blueprint = Blueprint.model_validate_json(blueprint_file.read_bytes())
    except ValidationError as error:
        raise ConfigError(explain_validation(f"{request.shown}: {BLUEPRINT_FILE}", error)) from error
    network = Network(blueprint)
    try:
        network.load_state_dict(load_file(weights))
    except Exception as error:
        # torch raises RuntimeError with every key, safetensors an error of its own.
        raise ConfigError(
            f"{request.shown}: the weights are not those of {BLUEPRINT_FILE} ({one_line(error)}); copy both again"
        ) from error
    served = Served(network).eval()
    (request.package / MODEL_FILE).write_bytes(onnx_bytes(network))

    def answer(feeds: Feeds) -> list[Array]:
        with torch.no_grad():
            found: Array = served(torch.from_numpy(feeds[INPUT])).numpy()
        return [found]

    return Converted(Task(blueprint.task), answer)


def _files(request: Request) -> tuple[Path, Path]:
    """The weights and the blueprint; only a folder has a digest that is about both."""
    blueprint = request.source / BLUEPRINT_FILE
    if not blueprint.is_file():
        raise ConfigError(
            f"{request.shown}: weights alone tell no graph; name a folder that also holds the {BLUEPRINT_FILE} which "
            "slipway-train wrote, or export the model with torch.export"
        )
    return next(path for path in sorted(request.source.iterdir()) if path.suffix == ".safetensors"), blueprint
