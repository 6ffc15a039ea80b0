"""Small packages to publish."""

from pathlib import Path

from slipway_runtime.artifact import Manifest, Signature, Task, TensorSpec, write_package

SIGNATURE = Signature(
    inputs=(TensorSpec(name="input", dtype="float32", shape=(-1, 4)),),
    outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, 3)),),
)


def make_package(directory: Path, content: bytes = b"weights", extra: bytes = b"{}") -> Manifest:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(content)
    (directory / "model.json").write_bytes(extra)
    return write_package(
        directory,
        name="iris",
        task=Task.CLASSIFICATION,
        signature=SIGNATURE,
        classes=("setosa", "versicolor", "virginica"),
    )
