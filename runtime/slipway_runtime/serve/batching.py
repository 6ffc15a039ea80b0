"""Requests that arrive together run together: one inference for many, at no added delay.

A small inference costs mostly what every call costs, whatever its rows; thirty rows at once take about as long as one.
Nothing waits for company: what the event loop has read in one turn is what runs in the next.
"""

import asyncio
from collections.abc import Callable, Iterator

import numpy as np

from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.model import ServedModel

Answer = InferenceResponse | Exception
_Waiting = tuple[InferenceRequest, Callable[[Answer], None]]


class Batcher:
    """Collects requests by model and wanted outputs; used on the event loop only."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[tuple[str, tuple[str, ...]], tuple[ServedModel, list[_Waiting]]] = {}

    def add(self, model: ServedModel, request: InferenceRequest, answered: Callable[[Answer], None]) -> None:
        """Run ``request``, which ``model.check`` has accepted; ``answered`` gets the outcome."""
        if model.rows_together == 1:
            answered(_alone(model, request))
            return
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        key = (model.name, request.outputs)
        entry = self._waiting.get(key)
        if entry is None:
            entry = self._waiting[key] = (model, [])
        entry[1].append((request, answered))

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for model, entries in waiting.values():
            for batch in _split(entries, model.rows_together):
                answers = infer_together(model, [request for request, _ in batch])
                for (_, answered), answer in zip(batch, answers, strict=True):
                    answered(answer)


def infer_together(model: ServedModel, requests: list[InferenceRequest]) -> list[Answer]:
    """Answers of ``requests``, which want the same outputs, from one inference where possible.

    When it fails, each request runs alone, so that each gets its own answer or its own error.
    """
    if len(requests) == 1:
        return [_alone(model, requests[0])]
    ends = np.cumsum([_rows(request) for request in requests]).tolist()
    first = requests[0]
    joined = {name: np.concatenate([request.inputs[name] for request in requests]) for name in first.inputs}
    try:
        outputs = model.infer(first._replace(inputs=joined)).outputs
    except Exception:  # noqa: BLE001 - whose fault it is shows when each runs alone
        return [_alone(model, request) for request in requests]
    if any(array.shape[:1] != (ends[-1],) for array in outputs.values()):
        return [_alone(model, request) for request in requests]
    starts = [0, *ends[:-1]]
    return [
        InferenceResponse({name: array[start:end] for name, array in outputs.items()}, request.id)
        for start, end, request in zip(starts, ends, requests, strict=True)
    ]


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
        rows = _rows(entry[0])
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
        if rows not in (-1, array.shape[0]):
            return 0
        rows = array.shape[0]
    return max(rows, 0)
