"""Probes, metrics and log lines."""

import json
import logging

import pytest

from slipway_operator.observe.health import alive
from slipway_operator.observe.logs import JsonFormatter
from slipway_operator.observe.metrics import Metrics


@pytest.mark.parametrize(
    ("lag", "longest", "missed", "expected"),
    [
        (0, 0, 0, None),
        (29, 299, 1, None),
        (31, 0, 0, "event loop"),
        (0, 301, 0, "a reconcile"),
        (0, 0, 2, "watches are deaf"),
    ],
)
def test_liveness(lag: float, longest: float, missed: int, expected: str | None) -> None:
    problem = alive(lag, longest, missed)
    assert (problem is None) if expected is None else (problem is not None and problem.startswith(expected))


def test_metrics_are_text_without_names_of_objects() -> None:
    metrics = Metrics()
    metrics.watch_queue(lambda: 3.0, lambda: 1.5)
    metrics.reconciles.labels("TrainingJob", "ok").inc()
    text = metrics.text({"Job": 7}).decode()
    for line in (
        'slipway_reconcile_total{kind="TrainingJob",result="ok"} 1.0',
        "slipway_queue_depth 3.0",
        'slipway_cache_objects{kind="Job"} 7.0',
    ):
        assert line in text


def test_a_log_line_is_one_object_with_its_extras_and_stack() -> None:
    error = ValueError("broken")
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "Went %s", ("wrong",), (ValueError, error, None))
    record.object = "digits"
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "Went wrong"
    assert line["object"] == "digits"
    assert "ValueError: broken" in line["stack"]
