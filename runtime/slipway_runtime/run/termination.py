"""A program's last words, where Kubernetes looks for them."""

from collections.abc import Mapping
from pathlib import Path

from slipway_runtime.spec.summary import Measurement, Report, Summary

TERMINATION_LIMIT = 4096
"""Bytes of a termination message that the kubelet keeps."""

DEFAULT_TERMINATION_LOG = Path("/dev/termination-log")
_MESSAGE_LIMIT = 1024


def termination_log(env: Mapping[str, str]) -> Path | None:
    """Where the message goes: ``SLIPWAY_TERMINATION_LOG``, the kubelet's default if it is there, else nowhere."""
    if chosen := env.get("SLIPWAY_TERMINATION_LOG"):
        return Path(chosen)
    return DEFAULT_TERMINATION_LOG if DEFAULT_TERMINATION_LOG.is_file() else None


def clip(message: str) -> str:
    """A message as one line of at most 1024 characters; the middle is what goes."""
    line = " ".join(message.split())
    if len(line) <= _MESSAGE_LIMIT:
        return line
    half = (_MESSAGE_LIMIT - 3) // 2
    return f"{line[:half]} … {line[-half:]}"[:_MESSAGE_LIMIT]


def encode(summary: Summary) -> bytes:
    """The summary as JSON of at most :data:`TERMINATION_LIMIT` bytes.

    What is too much goes in this order: the report's per-metric detail, the artifact's metrics, most of the message.
    ``result.json`` keeps all of it.
    """
    candidates = (_whole, _brief_report, _brief_artifact, _brief_message)
    shrunk = summary
    for step in candidates:
        shrunk = step(shrunk)
        content = shrunk.model_dump_json(by_alias=True, exclude_none=True).encode()
        if len(content) <= TERMINATION_LIMIT:
            return content
    return Summary(outcome=summary.outcome, message=summary.message[:256]).model_dump_json(by_alias=True).encode()


def write_termination(path: Path | None, summary: Summary) -> None:
    """Write the message; without a path nothing happens."""
    if path is not None:
        path.write_bytes(encode(summary))


def _whole(summary: Summary) -> Summary:
    return summary


def _brief_report(summary: Summary) -> Summary:
    if summary.report is None:
        return summary
    report = summary.report
    brief = Report(
        before=_brief_measurement(report.before),
        after=_brief_measurement(report.after),
        size_ratio=report.size_ratio,
        speedup=report.speedup,
        drops=report.drops[:4],
    )
    return summary.model_copy(update={"report": brief})


def _brief_measurement(side: Measurement) -> Measurement:
    return side.model_copy(update={"metrics": side.metrics[:4]})


def _brief_artifact(summary: Summary) -> Summary:
    if summary.artifact is None:
        return summary
    return summary.model_copy(update={"artifact": summary.artifact.model_copy(update={"metrics": ()})})


def _brief_message(summary: Summary) -> Summary:
    return summary.model_copy(update={"message": summary.message[:256]})
