"""scikit-learn estimators, XGBoost's and LightGBM's among them, to ONNX."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.graph import OPSET, PREDICTION, PROBABILITIES, keep_output, write_graph
from slipway_runtime.run.errors import ConfigError

INPUT = "input"
SCORES = "scores"
_ML_OPSET = 3
_WORDS = 500
_MATRIX = 2
_BINARY = 2


def convert_estimator(estimator: Any, request: Request) -> Converted:
    """Convert a fitted classifier, regressor, or pipeline that ends with one.

    A classifier gives ``probabilities`` [-1, classes], or ``scores`` when it has no probabilities; a regressor gives
    ``prediction`` [-1].

    Raises:
        ConfigError: It is no such estimator, is not fitted, or has no converter.
    """
    from sklearn.base import is_classifier, is_regressor

    if not hasattr(estimator, "predict") or not (is_classifier(estimator) or is_regressor(estimator)):
        raise ConfigError(
            f"{request.shown}: {type(estimator).__name__} neither classifies nor regresses; "
            "save the pipeline that ends with the model"
        )
    if isinstance(getattr(estimator, "classes_", None), list):
        raise ConfigError(f"{request.shown}: answers several questions at once; save one classifier for each")
    _round_thresholds(_last(estimator))
    words = vocabulary(estimator)
    model = _to_onnx(estimator, request, text=words is not None)
    if is_classifier(estimator):
        converted = _classifier(estimator, model, words or (), request.shown)
    else:
        converted = _regressor(estimator, model, words or ())
    write_graph(model, request.package, request.shown)
    return converted


def vocabulary(estimator: Any) -> tuple[str, ...] | None:
    """Some words that a text model knows; None for a model of numbers."""
    first = _first(estimator)
    known = getattr(first, "vocabulary_", None)
    if known is None:
        return () if type(first).__name__ == "HashingVectorizer" else None
    return tuple(sorted(map(str, known)))[:_WORDS]


def _first(estimator: Any) -> Any:
    """The step that meets the raw examples."""
    while True:
        steps = getattr(estimator, "steps", None) or getattr(estimator, "transformer_list", None)
        if not steps:
            return estimator
        estimator = steps[0][1]


def _last(estimator: Any) -> Any:
    while steps := getattr(estimator, "steps", None):
        estimator = steps[-1][1]
    return estimator


def _round_thresholds(estimator: Any) -> None:
    """Round thresholds of histogram-based trees down to float32: for float32 inputs, x <= t means the same.

    The converter rounds to the nearest, and every example that lies on a threshold above it changes sides.
    """
    for trees in getattr(estimator, "_predictors", ()):
        for tree in trees:
            exact = tree.nodes["num_threshold"]
            near = exact.astype(np.float32)
            tree.nodes["num_threshold"] = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)


def _to_onnx(estimator: Any, request: Request, *, text: bool) -> Any:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.base import is_classifier

    if text:
        kind = StringTensorType([None])
    else:
        features = getattr(estimator, "n_features_in_", None)
        if features is None:
            raise ConfigError(f"{request.shown}: {type(estimator).__name__} is not fitted; fit it and save it again")
        kind = FloatTensorType([None, int(features)])
    last = _last(estimator)
    options: dict[int, dict[str, Any]] = {}
    if hasattr(last, "predict_proba"):
        options[id(last)] = {"zipmap": False}
    elif is_classifier(estimator):
        # Of the classifiers without probabilities some have a dictionary to turn off, and some do not know the option.
        known = {} if type(last).__name__ == "LinearSVC" else {"zipmap": False}
        options[id(last)] = {**known, "raw_scores": True}
    if getattr(last, "flatten_transform", False):
        last.flatten_transform = False  # it is about transform(), and a VotingClassifier's converter refuses it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they speak of the converter's insides
        try:
            return to_onnx(
                estimator,
                initial_types=[(INPUT, kind)],
                name="model",
                options=options or None,
                target_opset={"": OPSET, "ai.onnx.ml": _ML_OPSET},
            )
        except Exception as error:
            # The converter raises anything, RuntimeError and TypeError most of all.
            raise ConfigError(
                f"{request.shown}: {type(estimator).__name__} cannot be expressed in ONNX ({one_line(error)}); "
                "use estimators and options that scikit-learn's ONNX converter knows"
            ) from error


def _classifier(estimator: Any, model: Any, words: tuple[str, ...], shown: str) -> Converted:
    classes = tuple(str(name) for name in estimator.classes_)
    likely = hasattr(estimator, "predict_proba")
    score = estimator.predict_proba if likely else estimator.decision_function
    output = model.graph.output[1].name
    if likely or len(classes) > _BINARY:
        keep_output(model, output, PROBABILITIES if likely else SCORES, ["batch", len(classes)])
    else:
        raise ConfigError(
            f"{shown}: {type(_last(estimator)).__name__} has no probabilities; wrap it in CalibratedClassifierCV and "
            "fit it again"
        )
    places = {name: index for index, name in enumerate(estimator.classes_)}

    def labels(feeds: Feeds) -> NDArray[np.int64]:
        return np.array([places[label] for label in estimator.predict(feeds[INPUT])], np.int64)

    return Converted(
        Task.CLASSIFICATION if likely else Task.OTHER,
        _answer(score),
        classes,
        labels if likely else None,
        words,
        *_scale(estimator),
    )


def _regressor(estimator: Any, model: Any, words: tuple[str, ...]) -> Converted:
    output = model.graph.output[0]
    sizes = output.type.tensor_type.shape.dim
    targets = int(sizes[1].dim_value) if len(sizes) == _MATRIX else 1
    if targets > 1:
        keep_output(model, output.name, "predictions", ["batch", targets])
        return Converted(Task.OTHER, _answer(estimator.predict), (), None, words, *_scale(estimator))
    keep_output(model, output.name, PREDICTION, ["batch"])
    return Converted(Task.REGRESSION, _answer(estimator.predict, flat=True), (), None, words, *_scale(estimator))


def _answer(method: Callable[[Array], Any], *, flat: bool = False) -> Callable[[Feeds], list[Array]]:
    def answer(feeds: Feeds) -> list[Array]:
        found = np.asarray(method(feeds[INPUT]))
        return [found.reshape(len(found)) if flat else found]

    return answer


def _scale(estimator: Any) -> tuple[Array | None, Array | None]:
    """What a first step that scales has learnt of the examples."""
    first = _first(estimator)
    mean, deviation = getattr(first, "mean_", None), getattr(first, "scale_", None)
    if isinstance(mean, np.ndarray) and isinstance(deviation, np.ndarray) and mean.shape == deviation.shape:
        return mean, deviation
    return None, None
