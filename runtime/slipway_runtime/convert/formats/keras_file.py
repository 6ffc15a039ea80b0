"""Keras ``.keras`` and ``.h5``."""

from collections.abc import Mapping
from typing import Any

from slipway_runtime.convert.conversion import Converted, Request, one_line
from slipway_runtime.convert.formats.tensorflow_function import Tensor, convert_function, import_tensorflow
from slipway_runtime.run.errors import ConfigError


def convert(request: Request) -> Converted:
    """Load with Keras and convert the model as it answers, not as it trains.

    Layers that hold Python code (Lambda) are loaded with permission to unpickle only.

    Raises:
        ConfigError: It does not load, has no graph of its own, or ONNX cannot express it.
    """
    import_tensorflow()
    model = _load(request)
    inputs = [
        Tensor(_name(tensor, position), tensor.dtype, tuple(tensor.shape))
        for position, tensor in enumerate(model.inputs or ())
    ]
    if not inputs:
        raise ConfigError(
            f"{request.shown}: does not tell its inputs; give the model an Input layer, or call it once before saving"
        )

    def call(**tensors: Any) -> Mapping[str, Any]:
        given = list(tensors.values())
        answer = model(given if len(given) > 1 else given[0], training=False)
        if isinstance(answer, Mapping):
            return answer
        answers = list(answer) if isinstance(answer, list | tuple) else [answer]
        names = ["output"] if len(answers) == 1 else [f"output_{position}" for position in range(len(answers))]
        return dict(zip(names, answers, strict=True))

    return convert_function(call, inputs, request)


def _load(request: Request) -> Any:
    import keras

    with request.source.open("rb") as file:
        suffix = ".keras" if file.read(2) == b"PK" else ".h5"
    try:
        return keras.saving.load_model(
            str(request.named(suffix)), compile=False, safe_mode=not request.spec.allow_pickle
        )
    except Exception as error:
        # Keras raises ValueError, TypeError and whatever a layer's constructor raises.
        text = one_line(error)
        if "No model config" in text or "model_config" in text:
            remedy = "it holds weights without a graph: save the whole model with model.save('model.keras')"
        elif "unsafe" in text.lower() or "lambda" in text.lower():
            remedy = "replace Lambda layers, or set allowPickle: true if you trust whoever made it"
        else:
            remedy = f"save it with Keras {keras.__version__}, from layers of Keras alone"
        raise ConfigError(f"{request.shown}: does not load in Keras ({text}); {remedy}") from error


def _name(tensor: Any, position: int) -> str:
    name = str(getattr(tensor, "name", "") or f"input_{position}")
    return "".join(character if character.isalnum() else "_" for character in name)
