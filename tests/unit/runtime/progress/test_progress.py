import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from slipway_runtime.progress import PROGRESS_ENV, read, report
from slipway_runtime.progress.exposition import exposition
from slipway_runtime.progress.server import ProgressServer
from slipway_runtime.spec.progress import Progress, ProgressMetric


def get(url: str) -> http.client.HTTPResponse:
    answer: http.client.HTTPResponse = urllib.request.urlopen(url)  # noqa: S310 - the server of this test
    return answer


HALFWAY = Progress(
    stage="training",
    step=5,
    total_steps=10,
    eta_seconds=3,
    throughput="120.5",
    metrics=(ProgressMetric(name="loss", value="0.25"),),
)


def test_a_report_is_read_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv(PROGRESS_ENV, str(path))
    report(HALFWAY)
    assert read(path) == HALFWAY
    assert [child.name for child in tmp_path.iterdir()] == ["progress.json"]


def test_without_a_launcher_reporting_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_ENV, raising=False)
    report(HALFWAY)


def test_a_vanished_directory_does_not_end_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRESS_ENV, str(tmp_path / "gone" / "progress.json"))
    report(HALFWAY)


@pytest.mark.parametrize("content", [None, b"", b'{"step": "many"}', b"\xff"])
def test_what_cannot_be_read_is_the_beginning(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "progress.json"
    if content is not None:
        path.write_bytes(content)
    assert read(path) == Progress()


def test_exposition_names_every_known_value() -> None:
    lines = exposition(HALFWAY).splitlines()
    assert "slipway_run_step 5" in lines
    assert "slipway_run_total_steps 10" in lines
    assert "slipway_run_eta_seconds 3" in lines
    assert "slipway_run_examples_per_second 120.5" in lines
    assert 'slipway_run_metric{name="loss"} 0.25' in lines
    assert 'slipway_run_stage{stage="training"} 1' in lines


def test_exposition_leaves_out_what_is_unknown() -> None:
    text = exposition(Progress())
    assert "eta" not in text
    assert "metric{" not in text


def test_exposition_escapes_labels() -> None:
    assert r'stage="a\"b\\c\n"' in exposition(Progress(stage='a"b\\c\n'))


def test_server_answers_json_and_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv(PROGRESS_ENV, str(path))
    with ProgressServer(path, 0) as server:
        base = f"http://127.0.0.1:{server.port}"
        with get(f"{base}/progress") as answer:
            assert json.load(answer)["stage"] == "starting"
        report(HALFWAY)
        with get(f"{base}/progress") as answer:
            assert answer.headers["Content-Type"] == "application/json"
            assert Progress.model_validate_json(answer.read()) == HALFWAY
        with get(f"{base}/metrics") as answer:
            assert answer.read().decode() == exposition(HALFWAY)
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            get(f"{base}/elsewhere")
        refused.value.close()
