"""XGBoost's and LightGBM's own files, and their estimators inside scikit-learn's converter."""

import json
import sys
from typing import Any

import numpy as np

from slipway_runtime.artifact.manifest import Task
from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.formats.estimators import INPUT, convert_estimator
from slipway_runtime.convert.graph import PREDICTION, PROBABILITIES, keep_output, write_graph
from slipway_runtime.run.errors import ConfigError

_BOOSTER_OPSET = 15
"""The newest that LightGBM's converter is made for."""
_CLASSIFIERS = ("binary:", "multi:")
_REGRESSORS = ("reg:", "count:")


def convert_xgboost(request: Request) -> Converted:
    """A ``.json`` or ``.ubj`` model; its objective tells whether it classifies.

    Raises:
        ConfigError: It does not load, ranks, or cannot be expressed in ONNX.
    """
    import xgboost

    suffix = ".json" if _is_json(request) else ".ubj"
    booster = xgboost.Booster()
    try:
        booster.load_model(str(request.named(suffix)))
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    except (xgboost.core.XGBoostError, ValueError, KeyError) as error:
        raise ConfigError(f"{request.shown}: does not load in XGBoost ({one_line(error)}); save it again") from error
    if not objective.startswith((*_CLASSIFIERS, *_REGRESSORS)):
        raise ConfigError(f"{request.shown}: its objective is {objective}; only {_CLASSIFIERS + _REGRESSORS} convert")
    estimator = xgboost.XGBClassifier() if objective.startswith(_CLASSIFIERS) else xgboost.XGBRegressor()
    estimator.load_model(str(request.named(suffix)))
    register_boosters()
    return convert_estimator(estimator, request)


def convert_lightgbm(request: Request) -> Converted:
    """A text model of LightGBM; its objective tells whether it classifies.

    Raises:
        ConfigError: It does not load, ranks, or cannot be expressed in ONNX.
    """
    import lightgbm
    from onnxmltools import convert_lightgbm as to_onnx
    from onnxmltools.convert.common.data_types import FloatTensorType

    try:
        booster = lightgbm.Booster(model_file=str(request.source))
        objective = booster.dump_model(num_iteration=1).get("objective", "").partition(" ")[0]
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise ConfigError(f"{request.shown}: does not load in LightGBM ({one_line(error)}); save it again") from error
    try:
        model = to_onnx(
            booster,
            name="model",
            initial_types=[(INPUT, FloatTensorType([None, booster.num_feature()]))],
            target_opset=_BOOSTER_OPSET,
            zipmap=False,
        )
    except Exception as error:
        # The converter raises anything.
        raise ConfigError(
            f"{request.shown}: cannot be expressed in ONNX ({one_line(error)}); its objective is "
            f"{objective or 'its own'}"
        ) from error
    return _booster(booster, objective, model, request)


def register_boosters() -> None:
    """Teach scikit-learn's converter the estimators of the libraries that are loaded."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    shapes = (calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes)
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    if "xgboost" in sys.modules:
        import xgboost
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost as with_xgboost

        for kind in (xgboost.XGBClassifier, xgboost.XGBRFClassifier):
            update_registered_converter(kind, f"Own{kind.__name__}", shapes[0], with_xgboost, options=options)
        for kind in (xgboost.XGBRegressor, xgboost.XGBRFRegressor):
            update_registered_converter(kind, f"Own{kind.__name__}", shapes[1], with_xgboost)
    if "lightgbm" in sys.modules:
        import lightgbm

        update_registered_converter(
            lightgbm.LGBMClassifier, "OwnLGBMClassifier", shapes[0], _with_lightgbm, options=options
        )
        update_registered_converter(lightgbm.LGBMRegressor, "OwnLGBMRegressor", shapes[1], _with_lightgbm)


def _with_lightgbm(scope: Any, operator: Any, container: Any) -> None:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm as with_lightgbm

    operator.split = None  # the converter of a bare booster sets it, and this one reads it
    with_lightgbm(scope, operator, container)


def _is_json(request: Request) -> bool:
    with request.source.open("rb") as file:
        return b'"' in file.read(32)


def _booster(booster: Any, objective: str, model: Any, request: Request) -> Converted:
    if objective in {"binary", "multiclass", "multiclassova"}:
        count = max(2, booster.num_model_per_iteration())

        def answer(feeds: Feeds) -> list[Array]:
            found = np.asarray(booster.predict(feeds[INPUT]))
            return [found if found.ndim > 1 else np.stack([1 - found, found], axis=1)]

        keep_output(model, model.graph.output[1].name, PROBABILITIES, ["batch", count])
        converted = Converted(Task.CLASSIFICATION, answer)
    else:
        keep_output(model, model.graph.output[0].name, PREDICTION, ["batch"])
        converted = Converted(Task.REGRESSION, lambda feeds: [np.asarray(booster.predict(feeds[INPUT]))])
    write_graph(model, request.package, request.shown)
    return converted
