"""Graphs get Slipway's outputs and lose what differs by run; what they compute stays."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from slipway_runtime.convert.graph import keep_output, name_probabilities, write_graph

X = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], np.float32)


def graph(nodes: list[Any], outputs: list[Any]) -> Any:
    return helper.make_model(
        helper.make_graph(
            nodes,
            "drawn at random",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["unk__1", 3])],
            [helper.make_tensor_value_info(*output) for output in outputs],
            doc_string="a path",
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )


def answer(model: Any, tmp_path: Path) -> dict[str, Any]:
    write_graph(model, tmp_path, "shown")
    session = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": X}), strict=True))


def softmax(axis: int = 1) -> list[Any]:
    return [
        helper.make_node("Softmax", ["x"], ["soft"], axis=axis),
        helper.make_node("Identity", ["soft"], ["StatefulPartitionedCall:0"]),
    ]


def test_a_softmax_is_called_probabilities(tmp_path: Path) -> None:
    model = graph(softmax(), [("StatefulPartitionedCall:0", TensorProto.FLOAT, ["n", 3])])
    assert name_probabilities(model) == 3
    found = answer(model, tmp_path)["probabilities"]
    np.testing.assert_allclose(found, np.exp(X) / np.exp(X).sum(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        (softmax(axis=0), [("StatefulPartitionedCall:0", TensorProto.FLOAT, ["n", 3])]),
        ([helper.make_node("Relu", ["x"], ["y"])], [("y", TensorProto.FLOAT, ["n", 3])]),
        (
            softmax(),
            [("StatefulPartitionedCall:0", TensorProto.FLOAT, ["n", 3]), ("soft", TensorProto.FLOAT, ["n", 3])],
        ),
        (softmax(), [("StatefulPartitionedCall:0", TensorProto.FLOAT, ["n", "m"])]),
    ],
)
def test_other_outputs_keep_their_names(nodes: list[Any], outputs: list[Any], tmp_path: Path) -> None:
    model = graph(nodes, outputs)
    assert name_probabilities(model) is None
    assert list(answer(model, tmp_path)) == [output[0] for output in outputs]


def test_one_output_is_kept_and_what_served_others_goes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
        helper.make_node("Softmax", ["x"], ["probabilities"], axis=1),
    ]
    outputs = [("label", TensorProto.INT64, ["n"]), ("probabilities", TensorProto.FLOAT, ["n", 3])]
    model = graph(nodes, outputs)
    keep_output(model, "probabilities", "probabilities", ["batch", 3])
    assert [node.op_type for node in model.graph.node] == ["Softmax", "Identity"]
    assert answer(model, tmp_path)["probabilities"].shape == (2, 3)


def test_a_column_of_doubles_becomes_a_prediction(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Slice", ["wide", "zero", "one", "axis"], ["variable"]),
    ]
    model = graph(nodes, [("variable", TensorProto.DOUBLE, ["n", 1])])
    for name, value in (("zero", [0]), ("one", [1]), ("axis", [1])):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.int64), name))
    keep_output(model, "variable", "prediction", ["batch"])
    found = answer(model, tmp_path)["prediction"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X[:, 0])


def test_nothing_of_the_exporters_own_is_written(tmp_path: Path) -> None:
    model = graph(softmax(), [("StatefulPartitionedCall:0", TensorProto.FLOAT, ["n", 3])])
    model.graph.node[0].doc_string = "File /home/someone/train.py"
    model.opset_import.insert(0, helper.make_opsetid("ai.onnx.ml", 3))
    answer(model, tmp_path)
    written = onnx.load(tmp_path / "model.onnx")
    assert written.graph.name == "model"
    assert [one.domain for one in written.opset_import] == ["", "ai.onnx.ml"]
    assert not written.graph.doc_string
    assert not written.graph.node[0].doc_string
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_constants_that_a_converter_numbered_are_numbered_by_use(tmp_path: Path) -> None:
    written = []
    for first, second in (("fold__7", "fold__12"), ("fold__12", "fold__7")):
        nodes = [helper.make_node("Add", ["x", first], ["more"]), helper.make_node("Mul", ["more", second], ["y"])]
        model = graph(nodes, [("y", TensorProto.FLOAT, ["n", 3])])
        for name, value in ((first, 1.0), (second, 2.0)):
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([value], np.float32), name))
        np.testing.assert_array_equal(answer(model, tmp_path)["y"], (X + 1) * 2)
        written.append((tmp_path / "model.onnx").read_bytes())
    assert written[0] == written[1]


def test_letters_are_lowered_without_a_locale_of_the_machine(tmp_path: Path) -> None:
    nodes = [helper.make_node("StringNormalizer", ["text"], ["lower"], case_change_action="LOWER")]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "text",
            [helper.make_tensor_value_info("text", TensorProto.STRING, [None])],
            [helper.make_tensor_value_info("lower", TensorProto.STRING, [None])],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )
    write_graph(model, tmp_path, "shown")
    session = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"text": np.array(["Ärger ÉTÉ", "Plain"], dtype=object)})
    assert found.tolist() == ["ärger été", "plain"]
