"""Stands between torch's elastic agent and one process, to record how the process ended.

The agent knows exit codes to the nearest tenth of a second and keeps no output; the cause of a failure needs both.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from slipway_runtime.train.rank import RankProcess


def end_file(directory: Path, local_rank: int) -> Path:
    """Where the relay of ``local_rank`` leaves its RankEnd."""
    return directory / f"end-{local_rank}.json"


def main() -> int:
    """``relay DIRECTORY COMMAND…``: run the command and leave its RankEnd in the directory."""
    directory, command = Path(sys.argv[1]), sys.argv[2:]
    local_rank = int(os.environ["LOCAL_RANK"])
    last_words = directory / f"last-words-{local_rank}.json"
    environment = {**os.environ, "SLIPWAY_TERMINATION_LOG": str(last_words)}
    # The agent kills the relay's whole process group: the command has to stay in it.
    process = RankProcess(int(os.environ["RANK"]), command, environment, last_words, _pass_on, own_session=False)

    def outlive(number: int, frame: FrameType | None) -> None:
        """Do nothing: whoever signals the relay signals its process group, so the command has the signal already.

        Sending it again would kill a command that has just finished saving: an interpreter that shuts down has no
        handlers any more.
        """
        del number, frame

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, outlive)
    end = process.wait()
    target = end_file(directory, local_rank)
    partial = target.with_suffix(".partial")
    partial.write_text(end.model_dump_json(by_alias=True), encoding="utf-8")
    partial.replace(target)
    return end.code


def _pass_on(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
