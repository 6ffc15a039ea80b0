"""TensorFlow SavedModel: the function that it serves by default."""

from collections.abc import Mapping
from typing import Any

from slipway_runtime.convert.conversion import Converted, Request, one_line
from slipway_runtime.convert.formats.tensorflow_function import Tensor, convert_function, import_tensorflow
from slipway_runtime.run.errors import ConfigError

_SIGNATURES = ("serving_default", "serve")


def convert(request: Request) -> Converted:
    """Load the folder and convert its ``serving_default``.

    Raises:
        ConfigError: It does not load, serves nothing, or ONNX cannot express it.
    """
    tf = import_tensorflow()
    try:
        loaded = tf.saved_model.load(str(request.source))
    except Exception as error:
        # TensorFlow raises OSError, ValueError and its own kinds.
        raise ConfigError(
            f"{request.shown}: does not load in TensorFlow {tf.__version__} ({one_line(error)}); "
            "copy the whole folder, with variables"
        ) from error
    name = next((name for name in _SIGNATURES if name in loaded.signatures), None)
    if name is None:
        known = ", ".join(loaded.signatures) or "none"
        raise ConfigError(
            f"{request.shown}: has no signature {_SIGNATURES[0]} (there are: {known}); save it with "
            "model.export(folder), or tf.saved_model.save(model, folder, signatures={'serving_default': …})"
        )
    function = loaded.signatures[name]
    specs = function.structured_input_signature[1]
    inputs = [
        Tensor(key, spec.dtype, tuple(spec.shape) if spec.shape.rank is not None else (None,))
        for key, spec in sorted(specs.items())
    ]

    def call(**tensors: Any) -> Mapping[str, Any]:
        answers: Mapping[str, Any] = function(**tensors)
        return answers

    return convert_function(call, inputs, request)
