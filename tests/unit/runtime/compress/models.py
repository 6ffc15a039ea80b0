"""Trained models as packages, without torch: scikit-learn's perceptron written as ONNX."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier, MLPRegressor

from slipway_runtime.artifact import DatasetLineage, Lineage, Manifest, Task, write_package
from slipway_runtime.artifact.onnxfile import read_signature
from slipway_runtime.datasets import Dataset, load, split
from slipway_runtime.spec.dataset import DatasetSource


def write_trained(directory: Path, name: str, *, hidden: tuple[int, ...] = (256,)) -> Manifest:
    """Train on a built-in dataset's training share and write the package. The graph takes raw inputs."""
    uri = f"builtin://{name}"
    dataset = load(DatasetSource(uri=uri))
    directory.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(dataset, hidden), directory / "model.onnx")
    return write_package(
        directory,
        name=name,
        task=Task.CLASSIFICATION if dataset.is_classification else Task.REGRESSION,
        signature=read_signature(directory / "model.onnx", name),
        classes=dataset.classes,
        lineage=Lineage(dataset=DatasetLineage(uri=uri, digest=dataset.digest, fraction="0.2", seed=0), seed=0),
    )


def _graph(dataset: Dataset, hidden: tuple[int, ...]) -> onnx.ModelProto:
    training, _ = split(dataset, 0.2, 0)
    flat = dataset.x.reshape(len(dataset), -1)
    mean, scale = flat[training].mean(axis=0), flat[training].std(axis=0) + 1e-6
    model = (MLPClassifier if dataset.is_classification else MLPRegressor)(
        hidden_layer_sizes=hidden, random_state=0, max_iter=1000, early_stopping=True, learning_rate_init=0.01
    ).fit((flat[training] - mean) / scale, dataset.y[training])
    constants = {"shape": np.asarray([-1, flat.shape[1]], dtype=np.int64), "mean": mean, "scale": scale}
    nodes = [
        helper.make_node("Reshape", ["input", "shape"], ["flat"], name="flatten"),
        helper.make_node("Sub", ["flat", "mean"], ["centred"], name="centre"),
        helper.make_node("Div", ["centred", "scale"], ["h0"], name="rescale"),
    ]
    last = len(model.coefs_) - 1
    for index, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        constants[f"w{index}"], constants[f"b{index}"] = weight, bias
        out = f"z{index}" if index < last else "scores"
        nodes.append(helper.make_node("Gemm", [f"h{index}", f"w{index}", f"b{index}"], [out], name=f"gemm{index}"))
        if index < last:
            nodes.append(helper.make_node("Relu", [out], [f"h{index + 1}"], name=f"relu{index}"))
    classes = len(dataset.classes)
    if classes:
        nodes.append(helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1, name="softmax"))
        output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])
    else:
        constants["vector"] = np.asarray([-1], dtype=np.int64)
        nodes.append(helper.make_node("Reshape", ["scores", "vector"], ["prediction"], name="vectorise"))
        output = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["batch"])
    graph = helper.make_graph(
        nodes,
        "perceptron",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *dataset.x.shape[1:]])],
        [output],
        [numpy_helper.from_array(_stored(value), key) for key, value in constants.items()],
    )
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(found)
    return found


def _stored(value: np.ndarray) -> np.ndarray:
    return value if value.dtype == np.int64 else value.astype(np.float32)
