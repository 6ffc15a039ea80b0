"""The models of this process, and whether they may be asked."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.model import ServedModel


class Phase(StrEnum):
    """Where the process stands."""

    LOADING = "loading"
    SERVING = "serving"
    DRAINING = "draining"


class State(StrEnum):
    """Where a model stands, in the protocol's words."""

    LOADING = "LOADING"
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as the index of the repository tells it."""

    name: str
    version: str
    state: State
    reason: str


class ModelRepository:
    """Models by name. Names are fixed at the start; each model appears when it is loaded and warm."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Expect ``names``."""
        self.names = names
        self._models: dict[str, ServedModel] = {}
        self._absent = dict.fromkeys(names, (State.LOADING, ""))
        self.phase = Phase.LOADING
        self._change: asyncio.Future[None] | None = None

    def add(self, model: ServedModel) -> None:
        """Serve ``model`` from now on."""
        self._models[model.name] = model
        self._absent.pop(model.name, None)
        self._tell()

    def begin(self) -> None:
        """Be ready from now on: every model is loaded and every port is open."""
        if self.phase is Phase.LOADING:
            self.phase = Phase.SERVING
            self._tell()

    def remove(self, name: str, reason: str) -> None:
        """Serve a model no longer; requests that have it already still get their answer.

        Raises:
            RequestError: no model has that name.
        """
        self.expect(name)
        self._models.pop(name, None)
        self._absent[name] = (State.UNAVAILABLE, reason)
        self._tell()

    def drain(self) -> None:
        """Be unready from now on; models still answer."""
        self.phase = Phase.DRAINING
        self._tell()

    async def changed(self) -> None:
        """Wait until a model comes or goes, or the phase changes."""
        if self._change is None:
            self._change = asyncio.get_running_loop().create_future()
        # Others wait for the same future, so one of them that is cancelled must not cancel it.
        await asyncio.shield(self._change)

    def _tell(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.set_result(None)

    def expect(self, name: str) -> None:
        """Raise RequestError unless a model of this process has that name, loaded or not."""
        if name not in self.names:
            raise RequestError(Fault.NOT_FOUND, f'model "{name}" is unknown; served here: {", ".join(self.names)}')

    def get(self, name: str, version: str | None = None) -> ServedModel:
        """Model ``name``.

        Raises:
            RequestError: unknown, still loading, unloaded, or loaded in another version.
        """
        model = self._models.get(name)
        if model is None:
            self.expect(name)
            state, reason = self._absent[name]
            if state is State.LOADING:
                raise RequestError(Fault.UNAVAILABLE, f'model "{name}" is still loading; try again')
            raise RequestError(Fault.UNAVAILABLE, f'model "{name}" is not loaded: {reason}')
        if version is not None and version != model.version:
            raise RequestError(
                Fault.NOT_FOUND, f'model "{name}" has no version "{version}"; its version is "{model.version}"'
            )
        return model

    def only(self) -> ServedModel:
        """The one model of a process that serves one.

        Raises:
            RequestError: there are several, so the request must name one.
        """
        if len(self.names) > 1:
            raise RequestError(
                Fault.BAD_INPUT, f'several models are served here; say which by "model": {", ".join(self.names)}'
            )
        return self.get(self.names[0])

    def loaded(self) -> tuple[ServedModel, ...]:
        """Models that answer, in the order of their names on the command line."""
        return tuple(self._models[name] for name in self.names if name in self._models)

    def index(self, *, only_ready: bool = False) -> tuple[Listed, ...]:
        """Every model with its state, or just those that answer."""
        return tuple(
            Listed(name, self._models[name].version, State.READY, "")
            if name in self._models
            else Listed(name, "", *self._absent[name])
            for name in self.names
            if name in self._models or not only_ready
        )
