"""Requests that arrive together run together: one inference for many, at no added delay.

A small inference costs mostly what every call costs, whatever its rows; thirty rows at once take about as long as one.
Nothing waits for company: what the event loop has read in one turn is what runs in the next.
"""

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.model import ServedModel

Answer = InferenceResponse | Exception
Answered = Callable[[Answer, float, float], None]
"""Told the outcome, and when the inference began and ended, as times of ``time.perf_counter``."""
_Waiting = tuple[InferenceRequest, int, Answered]


class Batcher:
    """Collects requests by model and wanted outputs; used on the event loop only."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[tuple[str, tuple[str, ...]], tuple[ServedModel, list[_Waiting]]] = {}

    def add(self, model: ServedModel, request: InferenceRequest, answered: Answered) -> None:
        """Run ``request``, which ``model.check`` has accepted; ``answered`` gets the outcome."""
        if model.rows_together == 1:
            started = perf_counter()
            answer, rows = run_alone(model, request)
            inferred = perf_counter()
            model.statistics.executed(rows, inferred - started)
            answered(answer, started, inferred)
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        key = (model.name, request.outputs)
        entry = self._waiting.get(key)
        if entry is None:
            entry = self._waiting[key] = (model, [])
        entry[1].append((request, _rows(request), answered))

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, entries in waiting.values():
            for batch in _split(entries, model.rows_together):
                started = perf_counter()
                answers = infer_together(model, [(request, rows) for request, rows, _ in batch])
                inferred = perf_counter()
                model.statistics.executed(sum(rows for _, rows, _ in batch), inferred - started)
                for (_, _, answered), answer in zip(batch, answers, strict=True):
                    answered(answer, started, inferred)


def infer_together(model: ServedModel, requests: list[tuple[InferenceRequest, int]]) -> list[Answer]:
    """Answers of ``requests``, each with its rows, which want the same outputs, from one inference where possible.

    When it fails, each request runs alone, so that each gets its own answer or its own error.
    """
    first, _ = requests[0]
    if len(requests) == 1:
        return [_alone(model, first)]
    joined = {name: np.concatenate([request.inputs[name] for request, _ in requests]) for name in first.inputs}
    try:
        outputs = model.infer(first._replace(inputs=joined)).outputs
    except Exception:  # noqa: BLE001 - whose fault it is shows when each runs alone
        return [_alone(model, request) for request, _ in requests]
    total = sum(rows for _, rows in requests)
    if any(array.shape[:1] != (total,) for array in outputs.values()):
        return [_alone(model, request) for request, _ in requests]
    answers: list[Answer] = []
    start = 0
    for request, rows in requests:
        part = {name: array[start : start + rows] for name, array in outputs.items()}
        answers.append(InferenceResponse(part, request.id))
        start += rows
    return answers


def run_alone(model: ServedModel, request: InferenceRequest) -> tuple[Answer, int]:
    """The answer of one request by itself, and how many rows it has: 1 where rows mean nothing."""
    return _alone(model, request), max(1, _rows(request))


def _alone(model: ServedModel, request: InferenceRequest) -> Answer:
    try:
        return model.infer(request)
    except Exception as error:  # noqa: BLE001 - the answer to this request
        return error


def _split(entries: list[_Waiting], limit: int) -> Iterator[list[_Waiting]]:
    """Batches of at most ``limit`` rows, in order; what has no rows, or inputs of different numbers, runs alone."""
    batch: list[_Waiting] = []
    total = 0
    for entry in entries:
        rows = entry[1]
        if batch and (rows == 0 or total + rows > limit):
            yield batch
            batch, total = [], 0
        if rows == 0:
            yield [entry]
        else:
            batch.append(entry)
            total += rows
    if batch:
        yield batch


def _rows(request: InferenceRequest) -> int:
    """Rows of a request; 0 when its inputs do not agree on them."""
    rows = -1
    for array in request.inputs.values():
        first = array.shape[0] if array.ndim else 0
        if rows == -1:
            rows = first
        elif rows != first:
            return 0
    return rows
