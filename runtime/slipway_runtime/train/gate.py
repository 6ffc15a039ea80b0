"""Whether a trained model may be published: a pure decision."""

from collections.abc import Collection, Sequence
from decimal import Decimal

from slipway_runtime.run.errors import ConfigError, GateRefused
from slipway_runtime.spec.gate import MetricBound, TrainingGate
from slipway_runtime.spec.summary import Metric

REMEDY = "nothing was published: train longer, change the recipe or the data, or move the bound in spec.gate"


def check_names(gate: TrainingGate | None, available: Collection[str]) -> None:
    """Raise ConfigError, before anything is trained, when a bound names a metric that will not be measured."""
    for bound in gate.metrics if gate else ():
        if bound.name not in available:
            raise ConfigError(
                f"gate.metrics: {bound.name!r} is no metric of this task; use one of {', '.join(sorted(available))}"
            )


def enforce(gate: TrainingGate | None, measured: Sequence[Metric]) -> None:
    """Return when every bound holds for the measured value; without a gate, always.

    Raises GateRefused that names each missed metric, its bound, value and 95 % interval, and ConfigError when a metric
    was not measured at all: a gate that cannot be checked never passes.
    """
    if gate is None:
        return
    by_name = {metric.name: metric for metric in measured}
    check_names(gate, by_name)
    missed = [text for bound in gate.metrics if (text := _missed(bound, by_name[bound.name]))]
    if missed:
        raise GateRefused(f"gate refused: {'; '.join(missed)}; {REMEDY}")


def _missed(bound: MetricBound, metric: Metric) -> str:
    value = Decimal(metric.value)
    interval = f" (95 % interval {metric.low} to {metric.high})" if metric.low is not None else ""
    if bound.min is not None and value < Decimal(bound.min):
        return f"{metric.name} is {metric.value}{interval}, below the bound min {bound.min}"
    if bound.max is not None and value > Decimal(bound.max):
        return f"{metric.name} is {metric.value}{interval}, above the bound max {bound.max}"
    return ""
