"""Where inferences run: small ones together on the event loop, others each in a thread."""

import asyncio
from concurrent.futures import Executor
from time import perf_counter

from slipway_runtime.serve.accounts import Accounts
from slipway_runtime.serve.admission import Admission
from slipway_runtime.serve.batching import Batcher
from slipway_runtime.serve.engine import InferenceRequest
from slipway_runtime.serve.exchange import Exchange
from slipway_runtime.serve.model import INLINE_SECONDS
from slipway_runtime.serve.repository import ModelRepository


class Inferences:
    """Begins inferences of all protocols, which so run together; used on the event loop only.

    ``calls`` are those of gRPC that are being answered, of ``calls_begun`` in all; connections count HTTP's.
    """

    def __init__(
        self, repository: ModelRepository, accounts: Accounts, executor: Executor, admission: Admission
    ) -> None:
        """Count in ``accounts``; what would hold up the event loop runs in ``executor``, if ``admission`` lets it."""
        self.repository = repository
        self.accounts = accounts
        self.admission = admission
        self.calls = self.calls_begun = 0
        self._executor = executor
        self._batcher = Batcher()

    def begin(self, exchange: Exchange) -> None:
        """Answer ``exchange``, now or later; whatever fails is an answer too."""
        try:
            if exchange.heavy:
                self._in_pool(exchange, exchange.estimate(), None)
                return
            inference = exchange.read()
            exchange.decoded = perf_counter()
            cost = exchange.model.cost.estimate(inference)
            if cost > INLINE_SECONDS:
                self._in_pool(exchange, cost, inference)
            else:
                self._batcher.add(exchange.model, inference, exchange.finish)
        except Exception as error:  # noqa: BLE001 - a bug must not leave a client without an answer
            exchange.refuse(error)

    def _in_pool(self, exchange: Exchange, seconds: float, inference: InferenceRequest | None) -> None:
        size = exchange.size
        self.admission.enter(seconds, size)

        def run() -> Exception | None:
            try:
                exchange.run(inference)
            except Exception as error:  # noqa: BLE001 - answered below
                return error
            return None

        def ended(done: asyncio.Future[Exception | None]) -> None:
            self.admission.leave(seconds, size)
            error = done.result()
            if error is None:
                exchange.finish_run()
            else:
                exchange.refuse(error)

        asyncio.get_running_loop().run_in_executor(self._executor, run).add_done_callback(ended)
