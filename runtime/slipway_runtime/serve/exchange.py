"""One request and what becomes of it, whatever its protocol: read, run, written, counted, answered."""

from abc import ABC, abstractmethod
from time import perf_counter

from slipway_runtime.serve.accounts import Accounts
from slipway_runtime.serve.batching import Answer, run_alone
from slipway_runtime.serve.engine import InferenceRequest, InferenceResponse
from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.model import ServedModel
from slipway_runtime.serve.protocols.v2_terms import TIMEOUT

OK = 200
_MICROSECONDS = 1e-6


class Exchange(ABC):
    """A request for an inference and its answer; a protocol says how to read, write and send.

    ``read`` and ``write`` may run in a thread, the others run on the event loop. Exactly one of ``send`` and ``fail``
    is called, once.
    """

    __slots__ = ("_accounts", "_times", "begun", "decoded", "heavy", "model", "path", "served", "size")

    model: ServedModel
    """Set by ``read``, as soon as it is known."""
    _times: tuple[int, float, float, float]

    def __init__(self, accounts: Accounts, path: str, size: int, *, heavy: bool) -> None:
        """Begin now, with a request of ``size`` bytes; reading a ``heavy`` one would hold up the event loop."""
        self.begun = self.decoded = perf_counter()
        self.size = size
        self.heavy = heavy
        self.served = ""
        self.path = path
        self._accounts = accounts

    @abstractmethod
    def estimate(self) -> float:
        """Seconds that a request will take that is not read yet; where its model is not known yet, none.

        Raises:
            RequestError: there is no such model, or it does not answer now.
        """

    @abstractmethod
    def read(self) -> InferenceRequest:
        """Read and check the request; sets ``model``, and ``served`` to its name.

        Raises:
            RequestError: it cannot be answered.
        """

    @abstractmethod
    def write(self, answer: InferenceResponse) -> None:
        """Write the answer, and keep it until ``send``.

        Raises:
            RequestError: it cannot be written as the request wished.
        """

    @abstractmethod
    def send(self) -> None:
        """Send what ``write`` has written."""

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Answer that it failed; an ``error`` that is no RequestError is a bug."""

    @abstractmethod
    def abandoned(self) -> RequestError | None:
        """Why nobody waits for the answer any more; None: somebody does. Asked in any thread."""

    def run(self, inference: InferenceRequest | None) -> None:
        """In a thread: run alone what was read, or else read it first; and write the answer there too.

        Raises:
            RequestError: it cannot be answered, or nobody waits for it any more.
        """
        if error := self.abandoned():
            raise error
        if inference is None:
            inference = self.read()
            self.decoded = perf_counter()
        self._in_time(inference)
        started = perf_counter()
        answer, rows = run_alone(self.model, inference)
        inferred = perf_counter()
        if isinstance(answer, Exception):
            raise answer
        self.write(answer)
        self._times = (rows, started, inferred, perf_counter())

    def finish_run(self) -> None:
        """Count and send what ``run`` has written."""
        rows, started, inferred, written = self._times
        self.model.statistics.executed(rows, inferred - started)
        self._answered(started, inferred, written)

    def finish(self, answer: Answer, started: float, inferred: float) -> None:
        """Write, count and send what the batcher answers."""
        if not isinstance(answer, InferenceResponse):
            self.refuse(answer)
            return
        try:
            self.write(answer)
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            self.refuse(error)
        else:
            self._answered(started, inferred, perf_counter())

    def refuse(self, error: Exception) -> None:
        """Count the failure and answer with it."""
        seconds = perf_counter() - self.begun
        if self.served:
            self.model.statistics.fail.add(seconds)
        fault = error.fault if isinstance(error, RequestError) else Fault.INTERNAL
        self._accounts.answered(self.served, self.path, fault, seconds=seconds, received=self.size)
        self.fail(error)

    def _in_time(self, inference: InferenceRequest) -> None:
        limit = float(inference.parameters.get(TIMEOUT, 0)) * _MICROSECONDS
        waited = perf_counter() - self.begun
        if limit and waited > limit:
            raise RequestError(Fault.TOO_LATE, f"its turn came after {waited:.3f} s, later than its timeout")

    def _answered(self, started: float, inferred: float, written: float) -> None:
        self._accounts.answered(self.served, self.path, OK, seconds=written - self.begun, received=self.size)
        self.model.statistics.answered(
            begun=self.begun, decoded=self.decoded, started=started, inferred=inferred, written=written
        )
        self.send()
