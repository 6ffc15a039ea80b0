import numpy as np
import pytest

from slipway_runtime.compress.gate import check_names, judge
from slipway_runtime.compress.sessions import summarize_latency, thread_count
from slipway_runtime.metrics import metrics_of
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.gate import CompressionGate
from slipway_runtime.spec.summary import Measurement, Metric, Report


def report(drop: str = "0.01", ratio: str = "3", speedup: str = "1.2") -> Report:
    def side(accuracy: str, size: int, latency: str) -> Measurement:
        return Measurement(size_bytes=size, latency_ms=latency, metrics=(Metric(name="accuracy", value=accuracy),))

    return Report(
        before=side("0.98", 300, "1.2"),
        after=side("0.97", 100, "1"),
        size_ratio=ratio,
        speedup=speedup,
        drops=(Metric(name="accuracy", value=drop, low="-0.002", high="0.02"),),
    )


def gate(drop: str | None = None, ratio: str | None = None, speedup: str | None = None) -> CompressionGate:
    metrics = [{"name": "accuracy", "maxDrop": drop}] if drop is not None else []
    return CompressionGate.model_validate({"metrics": metrics, "minSizeRatio": ratio, "minSpeedup": speedup})


@pytest.mark.parametrize(
    ("bounds", "measured", "starts"),
    [
        (None, report(), []),
        (gate(), report(), []),
        (gate(drop="0.01"), report(drop="0.01"), []),
        (gate(drop="0.01"), report(drop="-0.3"), []),
        (gate(drop="0.01"), report(drop="0.010001"), ["accuracy drops by 0.010001"]),
        (gate(drop="0"), report(drop="0"), []),
        (gate(ratio="3"), report(ratio="3"), []),
        (gate(ratio="3"), report(ratio="2.999999"), ["size ratio is 2.999999"]),
        (gate(speedup="1.2"), report(speedup="1.2"), []),
        (gate(speedup="1.2"), report(speedup="1.199999"), ["speedup is 1.199999"]),
        (gate("0.001", "9", "9"), report(), ["accuracy drops", "size ratio", "speedup"]),
    ],
)
def test_bounds(bounds: CompressionGate | None, measured: Report, starts: list[str]) -> None:
    found = judge(bounds, measured, ("0.9", "1.3"))
    assert len(found) == len(starts)
    assert all(refusal.text.startswith(start) for refusal, start in zip(found, starts, strict=True))


def test_refusals_name_metric_value_interval_bound_and_remedy() -> None:
    texts = [refusal.text for refusal in judge(gate("0.001", "9", "9"), report(), ("0.9", "1.3"))]
    assert texts == [
        (
            "accuracy drops by 0.01 [-0.002, 0.02] (0.98 to 0.97), maxDrop is 0.001: "
            "raise maxDrop, give more calibration.samples or try the other quantize.scheme"
        ),
        (
            "size ratio is 3 (300 to 100 bytes), minSizeRatio is 9: small models keep more overhead; "
            "lower minSizeRatio or compress a larger model"
        ),
        "speedup is 1.2 [0.9, 1.3] (1.2 to 1 ms), minSpeedup is 9: lower minSpeedup or try the other quantize.scheme",
    ]


def test_an_unmeasured_metric_fails_closed() -> None:
    bounds = CompressionGate.model_validate({"metrics": [{"name": "f7", "maxDrop": "1"}]})
    assert judge(bounds, report(), ("1", "1"))[0].text.startswith("f7 was not measured")


def test_names_are_checked_before_work() -> None:
    bounds = CompressionGate.model_validate({"metrics": [{"name": "rmse", "maxDrop": "1"}]})
    check_names(bounds, metrics_of("regression"))
    check_names(None, metrics_of("classification"))
    with pytest.raises(ConfigError, match="rmse is not measured; use one of accuracy, macro_f1, log_loss"):
        check_names(bounds, metrics_of("classification"))


def test_latency_takes_minima_of_each_side() -> None:
    pairs = np.full((100, 2), (4e6, 3e6))
    pairs[::7] = (9e6, 50e6)
    pairs[50] = (3e6, 2e6)
    found = summarize_latency(pairs)
    assert (found.before_ms, found.after_ms, found.speedup) == (3.0, 2.0, 1.5)
    assert found.low <= 4 / 3 <= found.high


@pytest.mark.parametrize(("env", "threads"), [({}, 6), ({"SLIPWAY_CPUS": "2.7"}, 2), ({"SLIPWAY_CPUS": "0.5"}, 1)])
def test_threads(env: dict[str, str], threads: int) -> None:
    assert thread_count(env, 6) == threads


@pytest.mark.parametrize("text", ["many", "nan", "inf"])
def test_threads_of_no_number(text: str) -> None:
    with pytest.raises(ConfigError, match="SLIPWAY_CPUS"):
        thread_count({"SLIPWAY_CPUS": text}, 6)
