"""Which models run rows together, and that each request gets its own answer or its own error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slipway_runtime.serve.batching import infer_together
from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse, Signature
from slipway_runtime.serve.errors import BadInput
from slipway_runtime.serve.independence import rows_together
from slipway_runtime.serve.model import Cost, ServedModel
from slipway_runtime.serve.tensors import Array, Datatype, TensorSpec

Compute = Callable[[Array], Any]


class Formula:
    """An engine that computes a numpy formula of one input."""

    platform = "test"

    def __init__(
        self, compute: Compute, *, inputs: tuple[int, ...] = (-1, 4), outputs: tuple[int, ...] = (-1, 4)
    ) -> None:
        self._compute = compute
        self.runs = 0
        self.signature = Signature(
            {"input": TensorSpec.of("input", Datatype.FP32, inputs)},
            {"output": TensorSpec.of("output", Datatype.FP32, outputs)},
        )

    def infer(self, inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:  # noqa: ARG002 - the protocol's
        self.runs += 1
        return [self._compute(inputs["input"])]


def halved(values: Array) -> Any:
    return values / 2


def quantized(values: Array) -> Any:
    scale = np.abs(values).max() / 127
    return (np.round(values / scale) * scale).astype(np.float32)


def decide(engine: Formula, *, limit: int = 32, slope: float = 0.0) -> int:
    """What is decided of ``engine`` when 1 row takes 1 ms, and each further row ``slope`` ms more."""
    now = 0.0
    asked = engine.infer

    def timed(inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        nonlocal now
        now += 0.001 * (1 + slope * (len(inputs["input"]) - 1))
        return asked(inputs, outputs)

    engine.infer = timed  # type: ignore[method-assign] # the engine under a clock of its own
    return rows_together(engine, alone_seconds=0.001, limit=limit, seconds=0.01, clock=lambda: now)


def test_a_slow_model_is_not_tried_at_all() -> None:
    engine = Formula(halved)

    def never(inputs: dict[str, Array], outputs: tuple[str, ...]) -> list[Array]:
        raise AssertionError(f"{inputs} {outputs} holds up the start")

    engine.infer = never  # type: ignore[method-assign] # the engine must stay alone
    assert rows_together(engine, alone_seconds=0.02, limit=32, seconds=0.01) == 1


def test_rows_that_answer_alone_run_together() -> None:
    assert decide(Formula(halved)) == 32


@pytest.mark.parametrize(
    "compute",
    [
        lambda values: np.abs(values) / np.abs(values).sum(axis=0),
        lambda values: values - values.mean(),
        lambda values: np.cumsum(values, axis=0),
        lambda values: values[::-1],
        lambda values: values[:1],
        quantized,
    ],
)
def test_rows_that_see_each_other_run_alone(compute: Compute) -> None:
    assert decide(Formula(compute)) == 1


@pytest.mark.parametrize(
    ("inputs", "outputs"), [((4,), (4,)), ((1, 4), (-1, 4)), ((-1, -1), (-1, 4)), ((-1, 4), (1, 4)), ((), ())]
)
def test_without_a_free_first_dimension_alone_requests_run_alone(
    inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    engine = Formula(halved, inputs=inputs, outputs=outputs)
    assert decide(engine) == 1
    assert engine.runs == 0


@pytest.mark.parametrize(("slope", "rows"), [(0.0, 32), (0.4, 16), (0.75, 8), (1.0, 1), (5.0, 1)])
def test_batches_are_short_and_worth_it(slope: float, rows: int) -> None:
    assert decide(Formula(halved), slope=slope) == rows


def test_limit_bounds_and_switches_off() -> None:
    assert decide(Formula(halved), limit=10) == 8
    assert decide(Formula(halved), limit=1) == 1


def served(engine: Formula) -> ServedModel:
    return ServedModel("m", "1", engine, (), Cost(0.001, 4), 32)


def request(*rows: list[float], identity: str | None = None) -> tuple[InferenceRequest, int]:
    return InferenceRequest({"input": np.array(rows, np.float32).reshape(-1, 4)}, id=identity), len(rows)


def test_each_request_gets_its_own_rows_and_id() -> None:
    engine = Formula(halved)
    requests = [request([2, 2, 2, 2], identity="a"), request([4, 4, 4, 4], [6, 6, 6, 6]), request([8, 8, 8, 8])]
    answers = infer_together(served(engine), requests)
    assert engine.runs == 1
    for (asked, _), answer in zip(requests, answers, strict=True):
        assert isinstance(answer, InferenceResponse)
        assert answer.id == asked.id
        np.testing.assert_array_equal(answer.outputs["output"], asked.inputs["input"] / 2)


def test_the_bad_one_of_a_batch_fails_alone() -> None:
    def refuse_negative(values: Array) -> Any:
        if (values < 0).any():
            raise BadInput("negative")
        return values

    good, bad, other = infer_together(
        served(Formula(refuse_negative)), [request([1, 1, 1, 1]), request([-1, 1, 1, 1]), request([2, 2, 2, 2])]
    )
    assert isinstance(bad, BadInput)
    for answer, value in ((good, 1), (other, 2)):
        assert isinstance(answer, InferenceResponse)
        np.testing.assert_array_equal(answer.outputs["output"], [[value] * 4])


def test_an_answer_of_other_rows_is_not_shared_out() -> None:
    engine = Formula(lambda values: values[values[:, 0] > 0])
    none, one = infer_together(served(engine), [request([-1, 0, 0, 0]), request([1, 0, 0, 0])])
    assert isinstance(none, InferenceResponse)
    assert isinstance(one, InferenceResponse)
    assert none.outputs["output"].shape == (0, 4)
    assert one.outputs["output"].shape == (1, 4)
