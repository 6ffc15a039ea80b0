"""Valid objects, and how a test bends one."""

import copy
from typing import Any

DIGITS = {"uri": "builtin://digits"}
TRAINED = {"kind": "TrainingJob", "name": "digits"}


def training(name: str = "t", **spec: Any) -> dict[str, Any]:
    return _object("TrainingJob", name, {"recipe": {"classifier": {}}, "dataset": DIGITS, **spec})


def compression(name: str = "c", **spec: Any) -> dict[str, Any]:
    passes = [{"quantize": {"scheme": "int8-static"}}]
    base = {"source": {"from": TRAINED}, "passes": passes, "evaluation": {"dataset": DIGITS}}
    return _object("CompressionJob", name, {**base, **spec})


def service(name: str = "s", **spec: Any) -> dict[str, Any]:
    return _object("ModelService", name, {"model": {"from": TRAINED}, **spec})


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    kept = {key: copy.deepcopy(value) for key, value in spec.items() if value is not None}
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": kept}
