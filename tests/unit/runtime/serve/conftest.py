from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from onnx import TensorProto
from tests.unit.runtime.serve.calls import Calls, connected
from tests.unit.runtime.serve.models import (
    write_adder,
    write_classifier,
    write_halves,
    write_identity,
    write_lookup,
    write_regressor,
    write_slow,
)
from tests.unit.runtime.serve.process import Served, started

from slipway_runtime.artifact import Signature, Task, TensorSpec, write_package

IDENTITIES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}


def write_iris_package(directory: Path) -> str:
    """A package of the classifier with class names; returns its digest."""
    directory.mkdir()
    write_classifier(directory / "model.onnx")
    manifest = write_package(
        directory,
        name="iris",
        task=Task.CLASSIFICATION,
        signature=Signature(
            inputs=(TensorSpec(name="input", dtype="float32", shape=(-1, 4)),),
            outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, 3)),),
        ),
        classes=("setosa", "versicolor", "virginica"),
    )
    return manifest.digest


@pytest.fixture(scope="session")
def iris(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("packages") / "iris"
    return directory, write_iris_package(directory)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory, iris: tuple[Path, str]) -> Iterator[Served]:
    """One process with all kinds of models."""
    directory = tmp_path_factory.mktemp("many")
    models = {"iris": iris[0]}
    for name, write in {
        "classifier": write_classifier,
        "regressor": write_regressor,
        "adder": write_adder,
        "lookup": write_lookup,
        "halves": write_halves,
    }.items():
        models[name] = directory / f"{name}.onnx"
        write(models[name])
    models["slow"] = directory / "slow.onnx"
    write_slow(models["slow"], size=256, repeats=20)
    for datatype, element in IDENTITIES.items():
        models[datatype.lower()] = directory / f"{datatype}.onnx"
        write_identity(models[datatype.lower()], element)
    arguments = [word for name, path in models.items() for word in ("--model", f"{name}={path}")]
    with started(directory, *arguments, "--max-body-mib", "1") as served:
        served.wait_ready()
        yield served


@pytest.fixture
def client(many: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=many.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def calls(many: Served) -> Iterator[Calls]:
    with connected(many.target) as opened:
        yield opened
