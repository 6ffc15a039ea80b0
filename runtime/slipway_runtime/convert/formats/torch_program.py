"""``.pt2`` of torch.export."""

import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import Any

from slipway_runtime.convert.conversion import Array, Converted, Feeds, Request, one_line
from slipway_runtime.convert.formats.torch_onnx import as_arrays, as_tensors, export_program, finish
from slipway_runtime.run.errors import ConfigError

_OBJECTS = ("custom_obj_", "opaque_obj_")
"""Members of the archive that torch opens with pickle, whatever it is told."""
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def convert(request: Request) -> Converted:
    """Load the program and translate it; its dynamic shapes become the graph's.

    Raises:
        ConfigError: It does not load without running pickles, takes something besides tensors, or uses operators
            that ONNX does not have.
    """
    import torch

    program = _load(request)
    names = list(program.graph_signature.user_inputs)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{request.shown}: takes constants besides tensors; export it with tensors alone")
    model = export_program(program, request)
    module = program.module()

    def answer(feeds: Feeds) -> list[Array]:
        with torch.no_grad():
            return as_arrays(module(*as_tensors(feeds, names)))

    return finish(model, answer, request)


def _load(request: Request) -> Any:
    import torch

    if not request.spec.allow_pickle:
        with zipfile.ZipFile(request.source) as archive:
            found = [name for name in archive.namelist() if name.rpartition("/")[2].startswith(_OBJECTS)]
        if found:
            raise ConfigError(
                f"{request.shown}: holds pickled objects ({found[0]}); export it without them, or set "
                "allowPickle: true if you trust whoever made it"
            )
    try:
        with _weights_only(always=not request.spec.allow_pickle), request.source.open("rb") as file:
            return torch.export.load(file)
    except Exception as error:
        # torch raises RuntimeError, ValueError, AssertionError and pickle's errors.
        raise ConfigError(
            f"{request.shown}: does not load in torch {torch.__version__} ({one_line(error)}); export it with that "
            "version"
        ) from error


@contextlib.contextmanager
def _weights_only(*, always: bool) -> Iterator[None]:
    """Make torch's loader fail where it would otherwise unpickle anything: it tries that when the safe way fails."""
    before = os.environ.get(_WEIGHTS_ONLY)
    if always:
        os.environ[_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_WEIGHTS_ONLY, None)
        else:
            os.environ[_WEIGHTS_ONLY] = before
