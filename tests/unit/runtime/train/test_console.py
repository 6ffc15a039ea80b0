import io
from pathlib import Path

import pytest

from slipway_runtime.spec.progress import Progress, ProgressMetric
from slipway_runtime.train.console import Console, bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(), "starting  "),
        (
            Progress(
                stage="training",
                step=90,
                total_steps=180,
                eta_seconds=3,
                metrics=(ProgressMetric(name="loss", value="0.12"),),
            ),
            "training    [############            ]  50%  90/180  loss 0.12  3 s left",
        ),
    ],
)
def test_bar(progress: Progress, expected: str) -> None:
    assert bar(progress) == expected


def test_lines_pass_unchanged_where_nobody_watches(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Console(tmp_path / "none", stream) as console:
        console.line("one\n")
        console.line("two")
    assert stream.getvalue() == "one\ntwo\n"


def test_the_bar_stays_below_the_lines_and_goes_at_the_end(tmp_path: Path) -> None:
    stream = Terminal()
    path = tmp_path / "progress.json"
    path.write_text(Progress(stage="loading").model_dump_json(by_alias=True))
    console = Console(path, stream)
    console._show(bar(Progress(stage="loading")))
    with console:
        console.line("news")
    assert "\x1b[2Knews\nloading" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")
