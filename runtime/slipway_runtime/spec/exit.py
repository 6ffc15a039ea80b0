"""Exit codes of the runtimes: the contract between a pod and whoever started it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a runtime's exit code asks for.

    Any other code is a crash: it counts as a restart and is tried again within the failure policy.
    """

    DONE = 0
    CONFIG_ERROR = 64
    """Permanent: the spec or the data must change."""
    GATE_REFUSED = 65
    """Permanent: the model missed a bound; nothing was published."""
    RETRY = 75
    """Passing trouble (store or network); counts as a restart."""
    PREEMPTED = 76
    """SIGTERM was obeyed and progress saved; restarts free of charge."""

    @property
    def permanent(self) -> bool:
        """Whether another attempt of the same run can only end the same way."""
        return self in {ExitCode.CONFIG_ERROR, ExitCode.GATE_REFUSED}
