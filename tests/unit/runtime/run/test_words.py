"""Last words and log lines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.termination import TERMINATION_LIMIT, clip, encode
from slipway_runtime.spec.summary import ArtifactRef, Measurement, Metric, Outcome, Report, Summary


def summary(metrics: int, message: str = "x", uri: str = "s3://b/manifests/1") -> Summary:
    many = tuple(
        Metric(name=f"metric_{number:050d}", value="0.123456", low="0.1", high="0.2") for number in range(metrics)
    )
    side = Measurement(size_bytes=1, latency_ms="0.1", metrics=many)
    return Summary(
        outcome=Outcome.PUBLISHED,
        message=message,
        artifact=ArtifactRef(uri=uri, digest="sha256:" + "0" * 64, size_bytes=1, metrics=many),
        report=Report(before=side, after=side, size_ratio="3", speedup="1", drops=many),
    )


def test_a_small_summary_is_whole() -> None:
    assert Summary.model_validate_json(encode(summary(2))) == summary(2)


@pytest.mark.parametrize("metrics", [0, 4, 8, 16])
@pytest.mark.parametrize("message", ["x", "ä" * 1024])
def test_the_limit_holds_and_the_digest_stays(metrics: int, message: str) -> None:
    content = encode(summary(metrics, message, "s3://" + "b" * 1190))
    assert len(content) <= TERMINATION_LIMIT
    artifact = Summary.model_validate_json(content).artifact
    assert artifact is not None
    assert artifact.digest == "sha256:" + "0" * 64


def test_long_messages_keep_both_ends_on_one_line() -> None:
    text = clip("start\n" + "x" * 5000 + "\nend")
    assert len(text) <= 1024
    assert text.startswith("start x")
    assert text.endswith("x end")
    assert clip("a\n b") == "a b"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("restore_logging")
def test_pods_get_json_lines() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    logging.getLogger("a.b").warning("step %d", 3, extra={"loss": 0.5})
    try:
        int("no")
    except ValueError:
        logging.getLogger("a.b").exception("failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {"level": "warning", "logger": "a.b", "message": "step 3", "loss": 0.5}
    assert "ValueError: invalid literal" in second["exception"]


@pytest.mark.usefixtures("restore_logging")
def test_people_get_text() -> None:
    stream = Terminal()
    configure_logging(stream)
    logging.getLogger("a.b").info("step", extra={"loss": 0.5})
    logging.getLogger("a.b").error("failed")
    assert stream.getvalue().splitlines() == ["step  loss=0.5", "error: failed"]
