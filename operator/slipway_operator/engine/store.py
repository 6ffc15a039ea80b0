"""Which namespaces have their store account, and making those that are wanted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from slipway_operator.cluster.errors import OperatorError, Retry
from slipway_operator.domain.planning import Key, StoreAccess
from slipway_operator.engine.backoff import Backoff

logger = logging.getLogger(__name__)

REFRESH = 3600.0
"""Seconds after which an account is applied again, in case its Secret was deleted (it cannot be read)."""


class StoreBook:
    """Remembers per namespace.

    Args:
        ensure: has account, bucket and Secret in place.
        uri: root of a namespace's store.
        enqueue: looks at a key again.
        clock: monotonic seconds.
        backoff: delays between failed tries.
    """

    def __init__(
        self,
        ensure: Callable[[str], Awaitable[None]],
        uri: Callable[[str], str],
        enqueue: Callable[[Key], None],
        clock: Callable[[], float],
        backoff: Backoff,
    ) -> None:
        self._ensure = ensure
        self._uri = uri
        self._enqueue = enqueue
        self._clock = clock
        self._backoff = backoff
        self._ready: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self._not_before: dict[str, float] = {}
        self._waiting: dict[str, set[Key]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def access(self, namespace: str) -> StoreAccess:
        """What is known now."""
        return StoreAccess(namespace in self._ready, self._uri(namespace), self._problems.get(namespace))

    def want(self, key: Key) -> float | None:
        """Have the namespace's account made; the key comes again when that has ended.

        Returns:
            Seconds after which to ask again, if the last try failed and the next is not due.
        """
        namespace = key.namespace
        now = self._clock()
        if now - self._ready.get(namespace, float("-inf")) < REFRESH:
            return None
        due = self._not_before.get(namespace, float("-inf"))
        if now < due:
            return due - now
        if namespace in self._waiting:
            self._waiting[namespace].add(key)
            return None
        self._waiting[namespace] = {key}
        task = asyncio.create_task(self._make(namespace), name=f"store account of {namespace}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None

    def suspect(self, namespace: str) -> None:
        """A pod could not mount the Secret: apply it again when next wanted."""
        self._ready.pop(namespace, None)

    async def _make(self, namespace: str) -> None:
        try:
            await self._ensure(namespace)
        except OperatorError as error:
            delay = error.after if isinstance(error, Retry) and error.after else self._backoff.failed(namespace)
            self._not_before[namespace] = self._clock() + delay
            self._problems[namespace] = str(error)
            logger.warning("Store account not ready", extra={"namespace": namespace, "error": str(error)})
        except Exception:
            self._not_before[namespace] = self._clock() + self._backoff.failed(namespace)
            logger.exception("Store account failed", extra={"namespace": namespace})
        else:
            self._ready[namespace] = self._clock()
            self._problems.pop(namespace, None)
            self._backoff.succeeded(namespace)
        for key in self._waiting.pop(namespace, ()):
            self._enqueue(key)
