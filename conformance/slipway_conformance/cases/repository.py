"""Loading and unloading by request. It disturbs who else asks these models, so it runs only when it is asked for."""

from slipway_conformance.case import Group, Level, Source
from slipway_conformance.models import identity
from slipway_conformance.server import Refuted, Server
from slipway_conformance.tensors import read, tensor

REPOSITORY = Group("repository", Source.EXTENSION, Level.EXTENSION, "model_repository")
_MODEL = identity("INT8")


@REPOSITORY.case("reload", "a model that is unloaded is not ready, and answers again when it is loaded", _MODEL)
def reload(server: Server) -> None:
    """With bodies of no bytes, as curl sends them."""
    server.ask("POST", f"/v2/repository/models/{_MODEL}/unload", b"").ok()
    try:
        if server.get(f"/v2/models/{_MODEL}/ready").status == 200:  # noqa: PLR2004 - HTTP's own number
            raise Refuted("the model is ready after it was unloaded")
        server.infer(_MODEL, tensor([1, 2], shape=[1, 2], datatype="INT8")).refused(range(400, 600))
    finally:
        server.ask("POST", f"/v2/repository/models/{_MODEL}/load", b"").ok()
    read(server.infer(_MODEL, tensor([1, 2], shape=[1, 2], datatype="INT8")))


@REPOSITORY.case("unknown", "loading an unknown model is refused")
def unknown(server: Server) -> None:
    """As 4xx."""
    server.ask("POST", "/v2/repository/models/no-such-model/load", b"").refused()
