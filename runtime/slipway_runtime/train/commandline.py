"""What the two training programs have in common on their command lines."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import describe
from slipway_runtime.run.specfile import read_spec
from slipway_runtime.run.termination import termination_log
from slipway_runtime.spec.train import Program, TrainSpec
from slipway_runtime.train.ending import Verdict
from slipway_runtime.train.launcher import Launch, last_words, launch

KIND = "TrainingJob"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that both programs have."""
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="YAML of a TrainingJob or of its spec (in a pod: SLIPWAY_SPEC)"
    )
    parser.add_argument(
        "--output",
        metavar="DIR|URI",
        help="where the package goes: a directory, s3://bucket/prefix or pvc://claim/path (in a pod: the store)",
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        help="processes on this machine: a number, or auto for one a GPU, else one (default: auto)",
    )


def start(
    spec: Path | None,
    output: str | None,
    processes: str | None,
    command: tuple[str, ...],
    environment: Mapping[str, str],
) -> int:
    """Read the options and the environment, and launch; returns the exit code."""
    configure_logging()
    try:
        context = RunContext.from_env(environment, output=output)
        what = _read(context, spec, command)
        context.store()  # a wrong output should be known before the training, not after
    except Exception as error:  # noqa: BLE001 - every error becomes an exit code and last words
        summary, code = describe(error)
        return last_words(termination_log(environment), Verdict(code, summary))
    chosen = {**environment, "SLIPWAY_PROCESSES_PER_NODE": processes} if processes else environment
    return launch(what, chosen)


def _read(context: RunContext, spec: Path | None, command: tuple[str, ...]) -> Launch:
    if spec is not None:
        found = read_spec(spec, TrainSpec, kind=KIND)
        parsed, name = found.spec, found.name or "model"
    else:
        parsed, name = context.parse_spec(TrainSpec), "model"
    if command:
        if parsed.program is None:
            raise ConfigError("the spec has a recipe, and a command was given: give one of them, or use slipway-train")
        parsed = parsed.model_copy(update={"program": _replaced(parsed.program, command)})
    return Launch(context, parsed, context.key.name if context.key else name)


def _replaced(program: Program, command: tuple[str, ...]) -> Program:
    return program.model_copy(update={"command": command, "args": ()})
