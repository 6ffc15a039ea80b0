"""One process of a training: started, its output passed on, its end recorded."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from slipway_runtime.spec.summary import Summary
from slipway_runtime.train.ending import RankEnd, exit_code
from slipway_runtime.train.lastline import last_meaningful

KEPT_LINES = 200
DRAIN_SECONDS = 2.0
"""How long to wait for output after the end: a grandchild may keep the pipe open for ever."""
CANNOT_START = 127

Sink = Callable[[str], None]


class RankProcess:
    """A command running as ``rank``, by default in a session of its own: a terminal's Ctrl-C reaches only the launcher.

    Every line of its output goes to ``sink``. ``last_words`` is the file that the process writes a Summary to.
    A command that cannot be started counts as ended with code 127.
    """

    def __init__(
        self,
        rank: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        last_words: Path,
        sink: Sink,
        *,
        own_session: bool = True,
    ) -> None:
        self.rank = rank
        self._own_session = own_session
        self._last_words = last_words
        self._tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._readers: list[threading.Thread] = []
        self._process: subprocess.Popen[str] | None = None
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                bufsize=1,
                start_new_session=own_session,
            )
        except OSError as error:
            self._tail.append(f"{command[0]}: cannot be started: {error.strerror or error}")
            return
        if self._process.stdout is not None:
            reader = threading.Thread(target=self._pass_on, args=(self._process.stdout, sink), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait(self) -> RankEnd:
        """Block until the process has ended."""
        code = CANNOT_START if self._process is None else exit_code(self._process.wait())
        ended = time.time_ns()
        for reader in self._readers:
            reader.join(DRAIN_SECONDS)
        summary, written = read_last_words(self._last_words)
        return RankEnd(
            rank=self.rank,
            code=code,
            at=min(ended, written) if written else ended,
            summary=summary,
            line=last_meaningful(list(self._tail)),
        )

    def send(self, number: signal.Signals) -> None:
        """Signal the process, and what it started if the session is its own; nothing happens once it has ended."""
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._own_session:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _pass_on(self, stream: IO[str], sink: Sink) -> None:
        with stream:
            for line in stream:
                self._tail.append(line)
                sink(line)


def read_last_words(path: Path) -> tuple[Summary | None, int]:
    """The Summary at ``path`` and when it was written (nanoseconds since the epoch); ``(None, 0)`` without one."""
    try:
        return Summary.model_validate_json(path.read_bytes()), path.stat().st_mtime_ns
    except (OSError, ValidationError):
        return None, 0
