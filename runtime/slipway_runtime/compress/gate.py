"""Whether a compressed model may be published: a pure decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.gate import CompressionGate
from slipway_runtime.spec.summary import Metric, Report


@dataclass(frozen=True)
class Refusal:
    """One bound that does not hold, in words: what, its value and interval, the bound, and what to do."""

    text: str


def check_names(gate: CompressionGate | None, available: Mapping[str, object]) -> None:
    """Refuse a gate on a metric that the task does not have, before any work is done.

    Raises:
        ConfigError: There is such a name.
    """
    for bound in gate.metrics if gate else ():
        if bound.name not in available:
            raise ConfigError(f"gate.metrics: {bound.name} is not measured; use one of {', '.join(available)}")


def judge(gate: CompressionGate | None, report: Report, speedup_interval: tuple[str, str]) -> tuple[Refusal, ...]:
    """The bounds that do not hold; none means publish.

    Values decide, intervals inform. A metric that was not measured counts as refused.

    Args:
        gate: The bounds; None permits everything.
        report: What was measured.
        speedup_interval: Range of the speedup within the measurement, as decimals.
    """
    if gate is None:
        return ()
    drops = {drop.name: drop for drop in report.drops}
    refusals = [
        refusal
        for bound in gate.metrics
        if (refusal := _judge_drop(bound.name, Decimal(bound.max_drop), drops.get(bound.name), report)) is not None
    ]
    if gate.min_size_ratio is not None and Decimal(report.size_ratio) < Decimal(gate.min_size_ratio):
        refusals.append(
            Refusal(
                f"size ratio is {report.size_ratio} ({report.before.size_bytes} to {report.after.size_bytes} bytes), "
                f"minSizeRatio is {gate.min_size_ratio}: small models keep more overhead; "
                "lower minSizeRatio or compress a larger model"
            )
        )
    if gate.min_speedup is not None and Decimal(report.speedup) < Decimal(gate.min_speedup):
        low, high = speedup_interval
        refusals.append(
            Refusal(
                f"speedup is {report.speedup} [{low}, {high}] ({report.before.latency_ms} to "
                f"{report.after.latency_ms} ms), minSpeedup is {gate.min_speedup}: "
                "lower minSpeedup or try the other quantize.scheme"
            )
        )
    return tuple(refusals)


def _judge_drop(name: str, bound: Decimal, drop: Metric | None, report: Report) -> Refusal | None:
    if drop is None:
        return Refusal(f"{name} was not measured, maxDrop is {bound}: remove the bound or name a measured metric")
    if Decimal(drop.value) <= bound:
        return None
    sides = [next((m.value for m in side.metrics if m.name == name), "?") for side in (report.before, report.after)]
    return Refusal(
        f"{name} drops by {drop.value} [{drop.low}, {drop.high}] ({sides[0]} to {sides[1]}), maxDrop is {bound}: "
        "raise maxDrop, give more calibration.samples or try the other quantize.scheme"
    )
