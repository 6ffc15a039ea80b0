"""The small real datasets that ship inside scikit-learn's wheel."""

import numpy as np

from slipway_runtime.datasets.dataset import DatasetError
from slipway_runtime.datasets.raw import Raw

BUILTIN = ("digits", "iris", "wine", "breast-cancer", "diabetes")


def load_builtin(uri: str) -> Raw:
    """Load ``builtin://<name>``. Digits come as images [n, 8, 8]; the others as tables with feature names.

    Raises:
        DatasetError: There is no dataset of this name.
    """
    from sklearn import datasets as bundled

    name = uri.removeprefix("builtin://")
    if name not in BUILTIN:
        raise DatasetError(
            f"{uri}: there is no such dataset; use one of " + ", ".join(f"builtin://{n}" for n in BUILTIN)
        )
    if name == "digits":
        found = bundled.load_digits()
        return Raw(found.images, found.target, discrete=True, class_names=tuple(str(n) for n in found.target_names))
    if name == "diabetes":
        found = bundled.load_diabetes()
        return Raw(found.data, np.asarray(found.target), discrete=False, feature_names=tuple(found.feature_names))
    loader = {"iris": bundled.load_iris, "wine": bundled.load_wine, "breast-cancer": bundled.load_breast_cancer}[name]
    found = loader()
    return Raw(
        found.data,
        found.target,
        discrete=True,
        class_names=tuple(str(n) for n in found.target_names),
        feature_names=tuple(str(n) for n in found.feature_names),
    )
