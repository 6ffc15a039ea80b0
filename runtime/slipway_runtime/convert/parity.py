"""The proof that a converted model answers as its source does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipway_runtime.artifact.manifest import TensorSpec
from slipway_runtime.convert.conversion import Array
from slipway_runtime.convert.errors import ConversionMismatch


@dataclass(frozen=True)
class Tolerance:
    """Largest permitted difference: ``absolute + relative * |source|``."""

    relative: float
    absolute: float


TOLERANCES = {
    "float16": Tolerance(1e-2, 1e-3),
    "float32": Tolerance(1e-3, 1e-4),
    "float64": Tolerance(1e-5, 1e-6),
}
"""By the graph's output type; every other type must be equal. A graph in float32 has a source that may be float64."""

_MATRIX = 2
_REMEDY = "nothing was published: compare on real examples with samples, or export the model to ONNX yourself"


def check_parity(
    specs: Sequence[TensorSpec], source: Sequence[Array], exported: Sequence[Array], classes: Sequence[str] = ()
) -> float:
    """Compare all outputs; returns the largest absolute difference between numbers.

    Args:
        specs: The graph's outputs.
        source: What the source answers, in their order.
        exported: What the graph answers.
        classes: Label names, for messages.

    Raises:
        ConversionMismatch: An element differs by more than its type's tolerance, or a label is another; the text
            names the worst one with both values.
    """
    largest = 0.0
    for spec, one, other in zip(specs, source, exported, strict=True):
        if one.shape != other.shape:
            raise ConversionMismatch(
                f"output {spec.name}: the source answers with shape {list(one.shape)}, ONNX with {list(other.shape)}; "
                f"{_REMEDY}"
            )
        if other.dtype.kind != "f":
            _check_equal(spec, one, other)
            continue
        tolerance = TOLERANCES.get(spec.dtype, TOLERANCES["float32"])
        largest = max(largest, _check_close(spec, one, other, tolerance))
        if spec.name == "probabilities" and one.ndim == _MATRIX:
            margin = 2 * (tolerance.absolute + tolerance.relative)
            _check_labels(one.argmax(axis=1), other, margin, classes)
    return largest


def check_labels(labels: NDArray[np.int64], probabilities: Array, classes: Sequence[str]) -> None:
    """Compare a classifier's own labels with the most probable class of the graph.

    Raises:
        ConversionMismatch: They differ, and not by a tie.
    """
    _check_labels(labels, probabilities, 2 * TOLERANCES["float32"].absolute, classes)


def _check_equal(spec: TensorSpec, one: Array, other: Array) -> None:
    different = np.argwhere(one.astype(object) != other.astype(object))
    if len(different):
        at = tuple(int(index) for index in different[0])
        raise ConversionMismatch(
            f"output {spec.name} at {list(at)}: the source answers {_shown(one[at])}, ONNX {_shown(other[at])} "
            f"({len(different)} of {one.size} differ; {spec.dtype} must be equal); {_REMEDY}"
        )


def _check_close(spec: TensorSpec, one: Array, other: Array, tolerance: Tolerance) -> float:
    if one.size == 0:
        return 0.0
    left, right = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.where((left == right) | (np.isnan(left) & np.isnan(right)), 0.0, np.abs(left - right))
        permitted = tolerance.absolute + tolerance.relative * np.abs(left)
        excess = np.where(np.isfinite(difference), difference, np.inf) / np.where(
            np.isfinite(permitted), permitted, tolerance.absolute
        )
    at = tuple(int(index) for index in np.unravel_index(int(excess.argmax()), excess.shape))
    if excess[at] > 1:
        raise ConversionMismatch(
            f"output {spec.name} at {list(at)}: the source answers {left[at]:.8g}, ONNX {right[at]:.8g}, difference "
            f"{difference[at]:.3g}; {spec.dtype} permits {tolerance.absolute:g} + {tolerance.relative:g} of the "
            f"source's value ({int((excess > 1).sum())} of {one.size} differ by more); {_REMEDY}"
        )
    return float(np.nanmax(difference))


def _check_labels(labels: Array, probabilities: Array, margin: float, classes: Sequence[str]) -> None:
    rows = np.arange(len(labels))
    # Equal probabilities make no label wrong: which of them is taken depends on the last bit.
    behind = probabilities.max(axis=1) - probabilities[rows, labels]
    row = int(behind.argmax())
    if behind[row] > margin:
        found = int(probabilities[row].argmax())
        raise ConversionMismatch(
            f"label of row {row}: the source answers {_name(int(labels[row]), classes)}, ONNX {_name(found, classes)} "
            f"({probabilities[row, labels[row]]:.6g} against {probabilities[row, found]:.6g}, "
            f"{margin:g} is permitted); {_REMEDY}"
        )


def _name(index: int, classes: Sequence[str]) -> str:
    return repr(classes[index]) if index < len(classes) else str(index)


def _shown(value: object) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
