"""Counts and latencies of requests, in Prometheus' text format.

Written for one thread, the event loop's: recording a request costs about a microsecond and takes no lock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from slipway_runtime.serve.model import ServedModel

# From a tiny model answered inline to a large batch, in seconds.
_BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class _Histogram:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0


class Metrics:
    """Requests by model and status code, and their latency. A model that is not served counts under an empty name."""

    def __init__(self) -> None:
        """Start at zero."""
        self._requests: dict[tuple[str, int], int] = {}
        self._latency: dict[str, _Histogram] = {}

    def record(self, model: str, code: int, seconds: float) -> None:
        """Count one answered request of ``model``."""
        key = (model, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        histogram = self._latency.get(model)
        if histogram is None:
            histogram = self._latency[model] = _Histogram()
        histogram.buckets[bisect_left(_BOUNDS, seconds)] += 1
        histogram.total += seconds

    def render(self, models: Iterable[ServedModel], *, ready: bool, in_flight: int, waiting: int) -> str:
        """Text of ``GET /metrics``; ``waiting`` are requests in line for a thread, or in one."""
        lines = [
            "# HELP slipway_serve_ready Whether every model is loaded and warm and the process is not draining.",
            "# TYPE slipway_serve_ready gauge",
            f"slipway_serve_ready {int(ready)}",
            "# HELP slipway_serve_in_flight Requests being answered.",
            "# TYPE slipway_serve_in_flight gauge",
            f"slipway_serve_in_flight {in_flight}",
            "# HELP slipway_serve_waiting Requests that a thread runs, or that wait for one.",
            "# TYPE slipway_serve_waiting gauge",
            f"slipway_serve_waiting {waiting}",
            "# HELP slipway_serve_requests_total Inference requests, by model and status code.",
            "# TYPE slipway_serve_requests_total counter",
            *(
                f'slipway_serve_requests_total{{model="{model}",code="{code}"}} {total}'
                for (model, code), total in sorted(self._requests.items())
            ),
            "# HELP slipway_serve_request_seconds Time from a request's head to its answer.",
            "# TYPE slipway_serve_request_seconds histogram",
        ]
        for model, histogram in sorted(self._latency.items()):
            lines.extend(_render(model, histogram))
        lines.extend(_render_models(tuple(models)))
        return "\n".join(lines) + "\n"


def _render(model: str, histogram: _Histogram) -> Iterator[str]:
    running = 0
    for bound, bucket in zip((*map(str, _BOUNDS), "+Inf"), histogram.buckets, strict=True):
        running += bucket
        yield f'slipway_serve_request_seconds_bucket{{model="{model}",le="{bound}"}} {running}'
    yield f'slipway_serve_request_seconds_sum{{model="{model}"}} {histogram.total:.6f}'
    yield f'slipway_serve_request_seconds_count{{model="{model}"}} {running}'


def _render_models(models: tuple[ServedModel, ...]) -> Iterator[str]:
    sums = (
        ("queue", "Time that requests waited for their inference."),
        ("infer", "Time that inferences took."),
    )
    for name, text in sums:
        yield f"# HELP slipway_serve_{name}_seconds {text}"
        yield f"# TYPE slipway_serve_{name}_seconds summary"
        for model in models:
            statistics = model.statistics
            one = statistics.queue if name == "queue" else statistics.executions
            yield f'slipway_serve_{name}_seconds_sum{{model="{model.name}"}} {one.seconds:.6f}'
            yield f'slipway_serve_{name}_seconds_count{{model="{model.name}"}} {one.count}'
    yield "# HELP slipway_serve_rows_total Rows that were inferred; over the count of inferences, the size of a batch."
    yield "# TYPE slipway_serve_rows_total counter"
    for model in models:
        yield f'slipway_serve_rows_total{{model="{model.name}"}} {model.statistics.rows}'
