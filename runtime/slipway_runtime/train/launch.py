"""``slipway-launch``: run a training program of one's own, in a pod or from a shell."""

import argparse
import os
import sys
from collections.abc import Sequence

from slipway_runtime.train.commandline import add_options, start

DESCRIPTION = """\
Run your own training program the way a TrainingJob with `spec.program` does: with a rank for each process, checkpoints
that survive a restart, progress, and a gate before anything is published.

  slipway-launch --spec job.yaml --output ./model -- python train.py

The program uses slipway_runtime.train.trainingrun.TrainingRun; see examples/own-program. The command after `--`
replaces `program.command` and `program.args` of the spec, whose `program.launcher` still counts.
"""

EPILOG = """\
exit codes: the first failing process's own; 64 the spec must change, or nothing was published; 75 passing trouble;
76 stopped on request, progress is saved.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="slipway-launch",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="the program and its arguments, after --")
    chosen = parser.parse_args(arguments)
    return start(chosen.spec, chosen.output, chosen.processes, tuple(chosen.command), os.environ)


if __name__ == "__main__":
    sys.exit(main())
