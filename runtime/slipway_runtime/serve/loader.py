"""From sources to models that answer: found, verified, loaded, warmed and measured."""

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from slipway_runtime.serve.engine import EngineLoader
from slipway_runtime.serve.errors import ConfigInvalid, Fault, ModelLoadError, RequestError
from slipway_runtime.serve.independence import rows_together
from slipway_runtime.serve.model import INLINE_SECONDS, ServedModel, warm_up
from slipway_runtime.serve.repository import ModelRepository
from slipway_runtime.serve.source import ModelSource, localize

_log = logging.getLogger(__name__)

# Waking a second thread costs more than a tiny inference: below this a model runs on one thread, requests side by side.
_PARALLEL_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What loading depends on besides the model: a folder for downloads, the environment, cores, rows of a batch."""

    scratch: Path
    env: Mapping[str, str]
    threads: int
    max_batch: int


class Loader:
    """Loads and unloads the models of a process; blocking work is done in ``executor``."""

    def __init__(
        self,
        sources: tuple[ModelSource, ...],
        repository: ModelRepository,
        executor: Executor,
        surroundings: Surroundings,
    ) -> None:
        """Load none yet."""
        self._sources = {source.name: source for source in sources}
        self._repository = repository
        self._executor = executor
        self._surroundings = surroundings

    async def load_all(self) -> None:
        """Load every model, one after the other.

        Raises:
            ConfigInvalid, StoreError: a model cannot be served as it is, or be found.
        """
        for source in self._sources.values():
            self._repository.add(await self._load(source))

    async def load(self, name: str) -> None:
        """Load a model of this process again; the one that is loaded answers until the new one is.

        Raises:
            RequestError: no model has that name, or it cannot be loaded.
        """
        self._repository.expect(name)
        try:
            model = await self._load(self._sources[name])
        except ConfigInvalid as error:
            raise RequestError(Fault.BAD_INPUT, str(error)) from error
        self._repository.add(model)

    async def _load(self, source: ModelSource) -> ServedModel:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _load_with_onnx, source, self._surroundings)


def _load_with_onnx(source: ModelSource, surroundings: Surroundings) -> ServedModel:
    from slipway_runtime.serve.onnx_engine import load_onnx

    return load_model(source, load_onnx, surroundings)


def load_model(source: ModelSource, load: EngineLoader, surroundings: Surroundings) -> ServedModel:
    """Find, load, warm and measure one model.

    Raises:
        ModelLoadError: it cannot be served as it is.
        ConfigInvalid, StoreError: it cannot be found or verified.
    """
    start = time.perf_counter()
    threads = surroundings.threads
    local = localize(source, surroundings.scratch, dict(surroundings.env))
    try:
        engine = load(local.path, threads=1)
        cost = warm_up(engine)
        if threads > 1 and cost.seconds > _PARALLEL_SECONDS:
            engine = load(local.path, threads=threads)
            cost = warm_up(engine)
        together = rows_together(
            engine, alone_seconds=cost.seconds, limit=surroundings.max_batch, seconds=INLINE_SECONDS
        )
    except ModelLoadError as error:
        raise ModelLoadError(f'model "{source.name}" does not load: {error}') from error
    _log.info(
        "model loaded",
        extra={
            "model": source.name,
            "digest": local.digest or None,
            "seconds": round(time.perf_counter() - start, 3),
            "warmInferenceMs": round(cost.seconds * 1000, 4),
            "rowsTogether": together,
        },
    )
    return ServedModel(source.name, local.version, engine, local.classes, cost, together)
