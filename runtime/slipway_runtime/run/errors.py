"""Endings that a program chooses, each with the exit code that tells the operator what to do next."""

from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.summary import Outcome


class RunError(Exception):
    """A run ends without an artifact for a reason the program understands; the text says what to do."""

    exit_code: ExitCode = ExitCode.RETRY
    outcome: Outcome = Outcome.RETRY


class ConfigError(RunError):
    """The spec or the data must change: another attempt ends the same way."""

    exit_code = ExitCode.CONFIG_ERROR
    outcome = Outcome.CONFIG_ERROR


class GateRefused(RunError):
    """The model missed a bound; nothing was published."""

    exit_code = ExitCode.GATE_REFUSED
    outcome = Outcome.GATE_REFUSED


class RetryLater(RunError):
    """Passing trouble; the same run may succeed later."""


class Preempted(RunError):
    """SIGTERM was obeyed and progress saved."""

    exit_code = ExitCode.PREEMPTED
    outcome = Outcome.PREEMPTED
