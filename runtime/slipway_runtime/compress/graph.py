"""What compression reads from an ONNX graph, and what it leaves out of one."""

import onnx

WEIGHTED = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm", "Attention", "LSTM", "GRU", "RNN"})
_EIGHT_BIT = frozenset(
    {
        "QuantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "ConvInteger",
        "QLinearMatMul",
        "QLinearConv",
        "QGemm",
        "DynamicQuantizeMatMul",
        "DynamicQuantizeLSTM",
        "QAttention",
    }
)


def quantized_operators(model: onnx.ModelProto) -> int:
    """How many nodes work in 8 bits."""
    return sum(node.op_type in _EIGHT_BIT for node in model.graph.node)


def upstream_of_weights(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes before the first weighted one: the model's own preprocessing.

    Raw inputs may differ by orders of magnitude from feature to feature; one 8-bit scale over all of them would
    erase the small ones, so normalisation stays in float.
    """
    downstream: set[str] = set()
    before: list[str] = []
    for node in model.graph.node:
        if node.op_type in WEIGHTED or any(name in downstream for name in node.input):
            downstream.update(node.output)
        else:
            before.append(node.name)
    return before


def strip(model: onnx.ModelProto) -> None:
    """Drop what no engine needs: shapes of intermediate values, documentation, and exporters' notes on each node."""
    graph = model.graph
    del graph.value_info[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]
    graph.doc_string = model.doc_string = ""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*graph.input, *graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
