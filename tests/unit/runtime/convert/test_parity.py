"""What counts as the same answer."""

from typing import Any

import numpy as np
import pytest

from slipway_runtime.artifact import TensorSpec
from slipway_runtime.convert.errors import ConversionMismatch
from slipway_runtime.convert.parity import check_labels, check_parity
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome

PROBABILITIES = TensorSpec(name="probabilities", dtype="float32", shape=(-1, 2))


def spec(dtype: str = "float32", name: str = "out") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=(-1,))


def compare(one: Any, other: Any, dtype: str = "float32") -> float:
    other = np.array(other, object if dtype == "string" else dtype)
    return check_parity([spec(dtype)], [np.array(one)], [other])


@pytest.mark.parametrize(
    ("one", "other", "dtype"),
    [
        ([1.0, -2.0], [1.0 + 5e-4, -2.0], "float32"),
        ([1e6], [1e6 + 500], "float32"),
        ([np.nan, np.inf], [np.nan, np.inf], "float32"),
        ([0.5], [0.503], "float16"),
        ([0.5], [0.5 + 5e-6], "float64"),
        ([3], [3], "int64"),
        (["a", "b"], ["a", "b"], "string"),
        ([True], [True], "bool"),
        ([], [], "float32"),
    ],
)
def test_alike(one: Any, other: Any, dtype: str) -> None:
    assert compare(one, other, dtype) >= 0


@pytest.mark.parametrize(
    ("one", "other", "dtype", "words"),
    [
        ([1.0, 2.0], [1.0, 2.01], "float32", r"out at \[1\]: the source answers 2, ONNX 2.01, difference 0.01"),
        ([0.0, 1.0], [0.001, 1.1], "float32", r"out at \[1\]"),  # the worst, not the first
        ([0.5], [0.5001], "float64", "float64 permits 1e-06"),
        ([1.0], [np.nan], "float32", "ONNX nan"),
        ([np.inf], [1.0], "float32", "source answers inf"),
        ([3, 4], [3, 5], "int64", r"at \[1\]: .* ONNX 5"),
        (["a"], ["b"], "string", "'a', ONNX 'b'"),
        ([1.0, 2.0], [1.0], "float32", r"shape \[2\], ONNX with \[1\]"),
    ],
)
def test_different(one: Any, other: Any, dtype: str, words: str) -> None:
    with pytest.raises(ConversionMismatch, match=words) as caught:
        compare(one, other, dtype)
    assert caught.value.outcome is Outcome.CONVERSION_MISMATCH
    assert caught.value.exit_code is ExitCode.GATE_REFUSED


def test_the_largest_difference_is_told() -> None:
    assert compare([1.0, 2.0], [1.0, 2.0005]) == pytest.approx(0.0005, rel=0.01)


def test_a_label_may_change_in_a_tie_only() -> None:
    tie = np.array([[0.50001, 0.49999]])
    other = np.array([[0.49999, 0.50001]], np.float32)
    assert check_parity([PROBABILITIES], [tie], [other]) < 1e-4
    check_labels(np.array([0]), other, ("no", "yes"))
    with pytest.raises(ConversionMismatch, match="label of row 1: the source answers 'no', ONNX 'yes'"):
        check_labels(np.array([1, 0]), np.array([[0.1, 0.9], [0.4, 0.6]]), ("no", "yes"))
