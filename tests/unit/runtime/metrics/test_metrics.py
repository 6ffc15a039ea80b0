import numpy as np
import pytest
from sklearn import metrics as reference

from slipway_runtime.metrics import decimal, drops, evaluate, metrics_of, wilson

GENERATOR = np.random.default_rng(7)
TRUTH = GENERATOR.integers(0, 4, 200)
SCORES = GENERATOR.random((200, 4)) + 0.7 * np.eye(4)[TRUTH]
PROBABILITIES = SCORES / SCORES.sum(axis=1, keepdims=True)
TARGETS = GENERATOR.normal(10, 3, 150).astype(np.float32)
PREDICTIONS = (TARGETS + GENERATOR.normal(0, 1, 150)).astype(np.float32)


def test_classification_agrees_with_scikit_learn() -> None:
    found = {metric.name: float(metric.value) for metric in evaluate("classification", PROBABILITIES, TRUTH)}
    predicted = PROBABILITIES.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(TRUTH, predicted), abs=1e-6)
    assert found["macro_f1"] == pytest.approx(reference.f1_score(TRUTH, predicted, average="macro"), abs=1e-6)
    assert found["log_loss"] == pytest.approx(reference.log_loss(TRUTH, PROBABILITIES), abs=1e-5)


def test_regression_agrees_with_scikit_learn() -> None:
    found = {metric.name: float(metric.value) for metric in evaluate("regression", PREDICTIONS, TARGETS)}
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(TARGETS, PREDICTIONS), abs=1e-5)
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(TARGETS, PREDICTIONS), abs=1e-5)
    assert found["r2"] == pytest.approx(reference.r2_score(TARGETS, PREDICTIONS), abs=1e-5)


@pytest.mark.parametrize(("successes", "trials", "low", "high"), [(0, 10, 0.0, 0.2775), (81, 263, 0.2553, 0.3662)])
def test_wilson_matches_newcombe(successes: int, trials: int, low: float, high: float) -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_values_lie_in_their_intervals() -> None:
    for metric in (*evaluate("classification", PROBABILITIES, TRUTH), *evaluate("regression", PREDICTIONS, TARGETS)):
        assert metric.low is not None
        assert metric.high is not None
        assert float(metric.low) < float(metric.value) < float(metric.high)


def test_bootstrap_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(25):
        error = generator.normal(0, 1, 80)
        mae = next(m for m in evaluate("regression", error, np.zeros(80)) if m.name == "mae")
        hits += float(mae.low or 0) <= np.sqrt(2 / np.pi) <= float(mae.high or 0)
    assert hits >= 20


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_drop_is_positive_when_worse_whatever_the_direction(task: str) -> None:
    if task == "classification":
        found = drops("classification", PROBABILITIES, np.roll(PROBABILITIES, 1, axis=1), TRUTH)
        kinds = metrics_of("classification")
    else:
        found = drops("regression", PREDICTIONS, PREDICTIONS + 2, TARGETS)
        kinds = metrics_of("regression")
    assert [drop.name for drop in found] == list(kinds)
    assert all(float(drop.value) > 0 for drop in found)
    assert all(float(drop.low or 0) > 0 for drop in found)


def test_paired_interval_is_narrower_than_two_of_its_own() -> None:
    after = PROBABILITIES.copy()
    after[:2] = np.roll(after[:2], 1, axis=1)
    drop = drops("classification", PROBABILITIES, after, TRUTH)[0]
    alone = evaluate("classification", PROBABILITIES, TRUTH)[0]
    paired = float(drop.high or 0) - float(drop.low or 0)
    assert paired < (float(alone.high or 0) - float(alone.low or 0)) / 3


def test_equal_answers_do_not_drop() -> None:
    for drop in drops("classification", PROBABILITIES, PROBABILITIES, TRUTH):
        assert (drop.value, drop.low, drop.high) == ("0", "0", "0")


def test_intervals_are_the_same_every_time() -> None:
    assert evaluate("regression", PREDICTIONS, TARGETS) == evaluate("regression", PREDICTIONS, TARGETS)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0000001, "0"), (1.0, "1"), (0.1234567, "0.123457"), (-2.5, "-2.5"), (1e6, "1000000")],
)
def test_decimals(value: float, text: str) -> None:
    assert decimal(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e12])
def test_what_is_no_decimal(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written as a decimal"):
        decimal(value)


def test_nan_answers_and_empty_truth_are_refused() -> None:
    broken = PREDICTIONS.copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        evaluate("regression", broken, TARGETS)
    with pytest.raises(ValueError, match="0 answers for 0 examples"):
        evaluate("regression", TARGETS[:0], TARGETS[:0])
    with pytest.raises(ValueError, match="149 answers for 150"):
        drops("regression", PREDICTIONS, PREDICTIONS[1:], TARGETS)


def test_constant_targets_have_an_r2() -> None:
    flat = np.ones(10, dtype=np.float32)
    found = {metric.name: metric.value for metric in evaluate("regression", flat, flat)}
    assert found["r2"] == "1"
