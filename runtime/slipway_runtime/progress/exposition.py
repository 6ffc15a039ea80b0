"""Progress in the Prometheus text exposition format 0.0.4."""

import re

from slipway_runtime.spec.progress import Progress

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(progress: Progress) -> str:
    """The gauges of ``progress``, one family each; unknown values are left out."""
    lines = [
        "# HELP slipway_run_step Finished steps.",
        "# TYPE slipway_run_step gauge",
        f"slipway_run_step {progress.step}",
        "# HELP slipway_run_total_steps Steps in all; 0 when unknown.",
        "# TYPE slipway_run_total_steps gauge",
        f"slipway_run_total_steps {progress.total_steps}",
        "# HELP slipway_run_stage What the run does now.",
        "# TYPE slipway_run_stage gauge",
        f'slipway_run_stage{{stage="{_escaped(progress.stage)}"}} 1',
    ]
    if progress.eta_seconds is not None:
        lines += [
            "# HELP slipway_run_eta_seconds Seconds left at the present rate.",
            "# TYPE slipway_run_eta_seconds gauge",
            f"slipway_run_eta_seconds {progress.eta_seconds}",
        ]
    if progress.throughput is not None:
        lines += [
            "# HELP slipway_run_examples_per_second Examples a second.",
            "# TYPE slipway_run_examples_per_second gauge",
            f"slipway_run_examples_per_second {progress.throughput}",
        ]
    if progress.metrics:
        lines += ["# HELP slipway_run_metric Latest value of a metric.", "# TYPE slipway_run_metric gauge"]
        lines += [f'slipway_run_metric{{name="{_escaped(metric.name)}"}} {metric.value}' for metric in progress.metrics]
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    return re.sub(r'[\\"\n]', lambda found: {"\\": r"\\", '"': r"\"", "\n": r"\n"}[found.group()], label)
