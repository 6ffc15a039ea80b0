"""Loading and unloading of models by request, where the process allows it."""

from collections.abc import Iterable

from slipway_runtime.serve.errors import Fault, RequestError
from slipway_runtime.serve.loader import Loader
from slipway_runtime.serve.repository import ModelRepository


class Administration:
    """What the model repository extension changes, whatever the protocol; ``allowed``: whether it may."""

    def __init__(self, repository: ModelRepository, loader: Loader, *, allowed: bool) -> None:
        """Change the models of ``repository`` by ``loader``."""
        self.allowed = allowed
        self._repository = repository
        self._loader = loader

    async def load(self, name: str, parameters: Iterable[str]) -> None:
        """Load a model again; the names of ``parameters`` that came with the request must be none.

        Raises:
            RequestError: it is not allowed, no model has that name, there are parameters, or it cannot be loaded.
        """
        self._require_allowed()
        if given := sorted(parameters):
            raise RequestError(Fault.UNIMPLEMENTED, f"load takes no parameters here ({', '.join(given)} given)")
        await self._loader.load(name)

    def unload(self, name: str) -> None:
        """Serve a model no longer.

        Raises:
            RequestError: it is not allowed, or no model has that name.
        """
        self._require_allowed()
        self._repository.remove(name, "unloaded by a request; load it to serve it again")

    def _require_allowed(self) -> None:
        if not self.allowed:
            raise RequestError(
                Fault.FORBIDDEN, "models are not loaded or unloaded by request here; start the server with --admin"
            )
