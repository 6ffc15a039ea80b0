"""The frame around every runtime program: errors become exit codes, and the last words are always written."""

import logging
from collections.abc import Callable, Mapping

from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import RunError
from slipway_runtime.run.termination import clip, termination_log, write_termination
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.storage.errors import StoreError

_log = logging.getLogger(__name__)

CRASH_EXIT = 1


def run_program(body: Callable[[RunContext], Summary], env: Mapping[str, str], *, output: str | None = None) -> int:
    """Run a program's body and return its exit code.

    A run whose ``result.json`` exists is not done again: its summary is repeated and the code is 0. Otherwise the
    body's summary, or the error it ended with, goes to the termination log and to one last log line.
    """
    try:
        context = RunContext.from_env(env, output=output)
        existing = context.existing_result()
        if existing is not None:
            _log.info("this run has published before", extra={"digest": existing.digest, "attempt": existing.attempt})
            summary = existing.summary
        else:
            summary = body(context)
    except Exception as error:  # noqa: BLE001 - the frame is where every error ends
        summary, code = describe(error)
        if summary.outcome is Outcome.CRASHED:
            _log.exception("crashed")
        write_termination(termination_log(env), summary)
        _log.error(summary.message, extra={"outcome": summary.outcome.value, "exitCode": code})
        return code
    write_termination(context.termination_log, summary)
    digest = summary.artifact.digest if summary.artifact else None
    _log.info(summary.message or "done", extra={"outcome": summary.outcome.value, "digest": digest})
    return int(ExitCode.DONE)


def describe(error: Exception) -> tuple[Summary, int]:
    """What an error means: the summary that tells of it, and the exit code."""
    if isinstance(error, RunError):
        return Summary(outcome=error.outcome, message=clip(str(error))), int(error.exit_code)
    if isinstance(error, StoreError):
        outcome = Outcome.RETRY if error.retryable else Outcome.CONFIG_ERROR
        code = ExitCode.RETRY if error.retryable else ExitCode.CONFIG_ERROR
        return Summary(outcome=outcome, message=clip(str(error))), int(code)
    message = clip(f"{type(error).__name__}: {error}")
    return Summary(outcome=Outcome.CRASHED, message=message), CRASH_EXIT
