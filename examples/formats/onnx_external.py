# ruff: noqa: INP001 - a program, not a package
"""An ONNX graph with its weights in a file beside it, as exporters write models of more than 2 GB.

python onnx_external.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


def main(folder: Path) -> None:
    """Train a linear classifier, write it as ONNX by hand, a request and the answer that is right."""
    flowers = load_iris()
    model = LogisticRegression(max_iter=500).fit(flowers.data, flowers.target)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["input", "weights", "bias"], ["logits"], transB=1),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "iris",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [
            numpy_helper.from_array(model.coef_.astype(np.float32), "weights"),
            numpy_helper.from_array(model.intercept_.astype(np.float32), "bias"),
        ],
    )
    target = folder / "iris"
    target.mkdir(parents=True, exist_ok=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8),
        target / "iris.onnx",
        save_as_external_data=True,
        location="iris.weights",
        size_threshold=0,
    )
    rows = flowers.data[::30]
    (folder / "request.json").write_text(json.dumps({"input_data": rows.tolist(), "probabilities": True}))
    answer = {
        "prediction": model.predict(rows).tolist(),
        "probabilities": model.predict_proba(rows.astype(np.float32)).tolist(),
    }
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
