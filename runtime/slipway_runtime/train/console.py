"""What a person or a log collector sees of a launcher: the processes' lines, and on a terminal one live line below."""

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from slipway_runtime.progress import read
from slipway_runtime.spec.progress import Progress

BAR_CELLS = 24
REFRESH_SECONDS = 0.2
_ERASE_LINE = "\r\x1b[2K"


class Console:
    """Passes lines on, and keeps a progress bar under them while it is entered and the stream is a terminal."""

    def __init__(self, progress: Path, stream: IO[str] | None = None) -> None:
        self._progress = progress
        self._stream = sys.stderr if stream is None else stream
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._bar = ""
        self._thread: threading.Thread | None = None

    @property
    def interactive(self) -> bool:
        """Whether a person watches."""
        return self._stream.isatty()

    def line(self, text: str) -> None:
        """Write one line, the bar out of its way."""
        with self._lock:
            erase = _ERASE_LINE if self._bar else ""
            self._stream.write(f"{erase}{text if text.endswith(chr(10)) else text + chr(10)}{self._bar}")
            self._stream.flush()

    def __enter__(self) -> Self:
        if self.interactive:
            self._thread = threading.Thread(target=self._refresh, name="bar", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._show("")

    def _refresh(self) -> None:
        while not self._done.wait(REFRESH_SECONDS):
            self._show(bar(read(self._progress)))

    def _show(self, text: str) -> None:
        with self._lock:
            if text != self._bar:
                self._bar = text
                self._stream.write(f"{_ERASE_LINE}{text}")
                self._stream.flush()


def bar(progress: Progress) -> str:
    """``training  [######      ]  50%  90/180  loss 0.12  3 s left`` for one terminal line."""
    parts = [f"{progress.stage:<10}"]
    if progress.total_steps:
        share = min(1.0, progress.step / progress.total_steps)
        filled = round(share * BAR_CELLS)
        parts.append(f"[{'#' * filled}{' ' * (BAR_CELLS - filled)}] {share:4.0%}")
        parts.append(f"{progress.step}/{progress.total_steps}")
    parts += [f"{metric.name} {metric.value}" for metric in progress.metrics[:4]]
    if progress.eta_seconds is not None:
        parts.append(f"{progress.eta_seconds} s left")
    return "  ".join(parts)
