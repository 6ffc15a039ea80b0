"""One compression run, from source to published artifact."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from slipway_runtime.artifact.manifest import Lineage, Manifest
from slipway_runtime.artifact.onnxfile import MODEL_FILE, read_signature
from slipway_runtime.artifact.package import write_package
from slipway_runtime.artifact.source import obtain
from slipway_runtime.compress.examples import Examples, gather
from slipway_runtime.compress.gate import check_names, judge
from slipway_runtime.compress.quantize import quantize
from slipway_runtime.compress.sessions import Latency, answers, compare_latency, open_session, thread_count
from slipway_runtime.metrics import Answers, Task, decimal, drops, evaluate, metrics_of
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError, GateRefused
from slipway_runtime.spec.compress import CompressionPass, CompressSpec
from slipway_runtime.spec.progress import Progress
from slipway_runtime.spec.summary import Measurement, PassMeasurement, Report, Summary

_log = logging.getLogger(__name__)

Reporter = Callable[[Progress], None]


@dataclass(frozen=True)
class Measured:
    """Both models' answers and times on the same examples."""

    before: Answers
    after: Answers
    latency: Latency


def compress(context: RunContext, spec: CompressSpec, source: str, report_progress: Reporter) -> Summary:
    """Fetch the source, apply the passes, measure both, ask the gate, publish.

    Raises:
        ConfigError: Spec, data and model do not fit together.
        GateRefused: A bound does not hold; nothing was published.
        ArtifactError, StoreError: Source or store are not usable.
    """
    stages = _Stages(report_progress, total=len(spec.passes) + 4)
    with tempfile.TemporaryDirectory(prefix="slipway-compress-") as scratch:
        stages.enter("fetching")
        package = Path(scratch) / "source"
        manifest = obtain(source, package, context.mounts, secret_name=context.source_secret)
        before = package / manifest.model_file
        stages.enter("loading")
        task: Task = "classification" if manifest.task.value == "classification" else "regression"
        check_names(spec.gate, metrics_of(task))
        examples = gather(spec, manifest, context.mounts)
        result = Path(scratch) / "result"
        result.mkdir()
        per_pass = _apply(spec, before, result / MODEL_FILE, examples, stages)
        stages.enter("measuring")
        measured = _measure(before, result / MODEL_FILE, examples)
        report = build_report(task, measured, examples, before.stat().st_size, per_pass)
        _log_report(report)
        interval = (decimal(measured.latency.low), decimal(measured.latency.high))
        refusals = judge(spec.gate, report, interval)
        if refusals:
            raise GateRefused("nothing was published: " + "; ".join(refusal.text for refusal in refusals))
        stages.enter("publishing")
        _describe(result, manifest, report)
        return context.publish(result, message=_in_words(report), report=report)


def pass_name(step: CompressionPass) -> str:
    """A pass as reports call it, for example ``quantize/int8-static``."""
    if step.quantize is None:
        raise ConfigError("passes: set quantize in every pass")
    return f"quantize/{step.quantize.scheme.value}"


def build_report(
    task: Task, measured: Measured, examples: Examples, bytes_before: int, per_pass: tuple[PassMeasurement, ...]
) -> Report:
    """The before/after record.

    Raises:
        ConfigError: A model answers with NaN or infinity.
    """
    bytes_after = per_pass[-1].size_bytes
    try:
        before, after = (evaluate(task, side, examples.truth) for side in (measured.before, measured.after))
        lost = drops(task, measured.before, measured.after, examples.truth)
    except ValueError as error:
        raise ConfigError(f"evaluation: {error}") from error
    latency = measured.latency
    return Report(
        before=Measurement(size_bytes=bytes_before, latency_ms=decimal(latency.before_ms), metrics=before),
        after=Measurement(size_bytes=bytes_after, latency_ms=decimal(latency.after_ms), metrics=after),
        size_ratio=decimal(bytes_before / bytes_after),
        speedup=decimal(latency.speedup),
        drops=lost,
        per_pass=per_pass,
    )


class _Stages:
    """Counts a run's steps out to whoever watches."""

    def __init__(self, report: Reporter, total: int) -> None:
        self._report = report
        self._total = total
        self._entered = 0

    def enter(self, stage: str) -> None:
        self._report(Progress(stage=stage, step=self._entered, total_steps=self._total))
        _log.info(stage, extra={"step": self._entered, "totalSteps": self._total})
        self._entered += 1


def _apply(
    spec: CompressSpec, source: Path, target: Path, examples: Examples, stages: _Stages
) -> tuple[PassMeasurement, ...]:
    shutil.copyfile(source, target)
    found = []
    for step in spec.passes:
        name = pass_name(step)
        stages.enter(name)
        if step.quantize is not None:
            quantize(target, target, step.quantize, examples.calibration)
        found.append(PassMeasurement(name=name, size_bytes=target.stat().st_size))
    return tuple(found)


def _measure(before: Path, after: Path, examples: Examples) -> Measured:
    threads = thread_count(os.environ, os.cpu_count() or 1)
    sessions = (open_session(before, threads), open_session(after, threads))
    example = np.ascontiguousarray(examples.x[:1])
    return Measured(
        before=answers(sessions[0], examples.x),
        after=answers(sessions[1], examples.x),
        latency=compare_latency(*sessions, example),
    )


def _describe(result: Path, source: Manifest, report: Report) -> None:
    write_package(
        result,
        name=source.name,
        task=source.task,
        signature=read_signature(result / MODEL_FILE, source.name),
        metrics=report.after.metrics,
        classes=source.classes,
        lineage=Lineage(
            parents=(source.digest,),
            dataset=source.lineage.dataset,
            seed=source.lineage.seed,
            versions={"onnxruntime": ort.__version__, "onnx": onnx.__version__},
        ),
    )


def _in_words(report: Report) -> str:
    lost = ", ".join(f"{drop.name} drops by {drop.value} [{drop.low}, {drop.high}]" for drop in report.drops[:1])
    return (
        f"{report.before.size_bytes} to {report.after.size_bytes} bytes (size ratio {report.size_ratio}), "
        f"{report.before.latency_ms} to {report.after.latency_ms} ms (speedup {report.speedup}), {lost}"
    )


def _log_report(report: Report) -> None:
    _log.info(
        "measured",
        extra={
            "bytesBefore": report.before.size_bytes,
            "bytesAfter": report.after.size_bytes,
            "sizeRatio": report.size_ratio,
            "latencyMsBefore": report.before.latency_ms,
            "latencyMsAfter": report.after.latency_ms,
            "speedup": report.speedup,
            **{f"drop.{drop.name}": f"{drop.value} [{drop.low}, {drop.high}]" for drop in report.drops},
        },
    )
