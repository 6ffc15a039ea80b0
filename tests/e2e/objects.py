"""Objects that the end-to-end tests apply; small, so that a run takes seconds."""

from typing import Any


def training(name: str = "digits", **spec: Any) -> dict[str, Any]:
    recipe = {"classifier": {"architecture": "mlp", "hiddenSizes": [64], "epochs": 4, "learningRate": "0.005"}}
    base = {"recipe": recipe, "dataset": {"uri": "builtin://digits"}, "podTemplate": SMALL}
    return {"kind": "TrainingJob", "metadata": {"name": name}, "spec": {**base, **spec}}


def compression(name: str = "digits-int8", source: str = "digits", **spec: Any) -> dict[str, Any]:
    base = {
        "source": {"from": {"kind": "TrainingJob", "name": source}},
        "passes": [{"quantize": {"scheme": "int8-dynamic"}}],
        "evaluation": {"dataset": {"uri": "builtin://digits"}},
        "podTemplate": SMALL,
    }
    return {"kind": "CompressionJob", "metadata": {"name": name}, "spec": {**base, **spec}}


def service(name: str = "digits", kind: str = "TrainingJob", source: str = "digits", **spec: Any) -> dict[str, Any]:
    base = {"model": {"from": {"kind": kind, "name": source}}}
    return {"kind": "ModelService", "metadata": {"name": name}, "spec": {**base, **spec}}


def classifier(**settings: Any) -> dict[str, Any]:
    """A recipe that trains in seconds, with some settings changed."""
    quick = {"architecture": "mlp", "hiddenSizes": [64], "epochs": 4, "learningRate": "0.005"}
    return {"classifier": {**quick, **settings}}


SMALL = {"resources": {"cpu": "500m", "memory": "1Gi"}}
