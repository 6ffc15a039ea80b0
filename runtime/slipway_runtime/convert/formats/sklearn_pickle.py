"""``.pkl`` and ``.joblib``. The one module that unpickles; it is reached with permission only."""

import sys
import warnings
from typing import Any

from slipway_runtime.convert.conversion import Converted, Request, one_line
from slipway_runtime.run.errors import ConfigError


def convert(request: Request) -> Converted:
    """Unpickle, which runs whatever the pickle says, and convert the estimator.

    Raises:
        ConfigError: Permission is missing, it does not load, or it is no estimator that ONNX can express.
    """
    if not request.spec.allow_pickle:
        raise ConfigError(f"{request.shown}: allowPickle is not set")  # the caller has asked before; never trust that
    from slipway_runtime.convert.formats.estimators import convert_estimator

    estimator = _load(request)
    if {"xgboost", "lightgbm"} & sys.modules.keys():
        from slipway_runtime.convert.formats.boosters import register_boosters

        register_boosters()
    return convert_estimator(estimator, request)


def _load(request: Request) -> Any:
    import joblib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another version's pickle: parity tells whether it matters
        try:
            return joblib.load(request.source)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{request.shown}: names the module {error.name!r}, which the conversion image does not have; "
                "use classes of scikit-learn, XGBoost and LightGBM only, or export to ONNX where the module is"
            ) from error
        except Exception as error:
            # Unpickling runs foreign code: it raises anything.
            from sklearn import __version__ as version

            raise ConfigError(
                f"{request.shown}: does not unpickle ({one_line(error)}); save it with scikit-learn {version}"
            ) from error
