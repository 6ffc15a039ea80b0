"""The models of this process, and whether they may be asked."""

from enum import StrEnum

from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.model import ServedModel


class Phase(StrEnum):
    """Where the process stands."""

    LOADING = "loading"
    SERVING = "serving"
    DRAINING = "draining"


class ModelRepository:
    """Models by name. Names are fixed at the start; each model appears when it is loaded and warm."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Expect ``names``."""
        self._names = names
        self._models: dict[str, ServedModel] = {}
        self.phase = Phase.LOADING

    def add(self, model: ServedModel) -> None:
        """Serve ``model`` from now on; with the last of the expected ones the phase becomes serving."""
        self._models[model.name] = model
        if self.phase is Phase.LOADING and len(self._models) == len(self._names):
            self.phase = Phase.SERVING

    def drain(self) -> None:
        """Be unready from now on; models still answer."""
        self.phase = Phase.DRAINING

    def get(self, name: str, version: str | None = None) -> ServedModel:
        """Model ``name``.

        Raises:
            RequestError: unknown, still loading, or loaded in another version.
        """
        model = self._models.get(name)
        if model is None:
            if name in self._names:
                raise RequestError(Fault.UNAVAILABLE, f'model "{name}" is still loading; try again')
            raise RequestError(Fault.NOT_FOUND, f'model "{name}" is unknown; served here: {", ".join(self._names)}')
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
        if len(self._names) > 1:
            raise RequestError(
                Fault.BAD_INPUT, f'several models are served here; say which by "model": {", ".join(self._names)}'
            )
        return self.get(self._names[0])
