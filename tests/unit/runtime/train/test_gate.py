import pytest

from slipway_runtime.run.errors import ConfigError, GateRefused
from slipway_runtime.spec.gate import MetricBound, TrainingGate
from slipway_runtime.spec.summary import Metric
from slipway_runtime.train.gate import check_names, enforce

MEASURED = (Metric(name="accuracy", value="0.93", low="0.9", high="0.95"), Metric(name="log_loss", value="0.3"))


def gate(*bounds: MetricBound) -> TrainingGate:
    return TrainingGate(metrics=bounds)


@pytest.mark.parametrize(
    "bound",
    [
        MetricBound(name="accuracy", min="0.93"),
        MetricBound(name="accuracy", min="0.9", max="0.93"),
        MetricBound(name="log_loss", max="0.3"),
    ],
)
def test_a_bound_that_holds_lets_pass(bound: MetricBound) -> None:
    enforce(gate(bound), MEASURED)


def test_no_gate_lets_pass() -> None:
    enforce(None, ())


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (
            MetricBound(name="accuracy", min="0.95"),
            "accuracy is 0.93 (95 % interval 0.9 to 0.95), below the bound min 0.95",
        ),
        (MetricBound(name="log_loss", max="0.2"), "log_loss is 0.3, above the bound max 0.2"),
    ],
)
def test_a_missed_bound_refuses_and_says_all(bound: MetricBound, text: str) -> None:
    with pytest.raises(GateRefused) as refused:
        enforce(gate(MetricBound(name="accuracy", min="0.1"), bound), MEASURED)
    assert text in str(refused.value)
    assert "nothing was published" in str(refused.value)


def test_every_missed_bound_is_named() -> None:
    with pytest.raises(GateRefused, match=r"accuracy is .*; log_loss is .*"):
        enforce(gate(MetricBound(name="accuracy", min="1"), MetricBound(name="log_loss", max="0")), MEASURED)


def test_an_unmeasured_metric_never_passes() -> None:
    with pytest.raises(ConfigError, match="'rmse' is no metric of this task; use one of accuracy, log_loss"):
        enforce(gate(MetricBound(name="rmse", max="9")), MEASURED)


def test_names_are_checked_before_training() -> None:
    check_names(None, ["accuracy"])
    with pytest.raises(ConfigError, match=r"gate\.metrics"):
        check_names(gate(MetricBound(name="rmse", max="9")), ["accuracy"])
