"""Which format a model file or folder has, by its content."""

import json
from dataclasses import dataclass
from pathlib import Path

from slipway_runtime.artifact.manifest import MANIFEST_FILE
from slipway_runtime.convert.archives import recognise_archive
from slipway_runtime.convert.errors import PickleRefused, UnsupportedModel
from slipway_runtime.convert.pickles import pickle_globals
from slipway_runtime.convert.protobuf import outer_fields
from slipway_runtime.spec.convert import ModelFormat

SAVED_MODEL_FILE = "saved_model.pb"
BLUEPRINT_FILE = "model.json"

_HEAD = 4096
_SHOWN = 5
_HEADER_LIMIT = 100 * 1024 * 1024
_ONNX_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_ONNX_NEEDS = frozenset({(7, 2), (8, 2)})
"""The graph and the operator sets of a ModelProto."""
_ESTIMATORS = frozenset({"sklearn", "xgboost", "lightgbm"})
_PLAIN = frozenset({"builtins", "__builtin__", "copyreg", "copy_reg", "collections", "numpy", "scipy", "joblib"})
"""Roots of what any pickle may name."""
_MAGIC = (
    (b"GGUF", 0, "a GGUF file", "it holds a language model for another engine; export the model to ONNX"),
    (b"TFL3", 4, "a TensorFlow Lite file", "convert the SavedModel that it was made from"),
    (b"<!DOCTYPE", 0, "a web page", "the link leads to a page, not to the file: use the direct link"),
    (b"<html", 0, "a web page", "the link leads to a page, not to the file: use the direct link"),
    (b"version https://git-lfs", 0, "a Git LFS pointer", "run git lfs pull and copy the file itself"),
    (b"PAR1", 0, "a Parquet table", "name the model; a table is data"),
    (b"\x93NUMPY", 0, "one numpy array", "name the model; this may be what --samples wants"),
    (b"\x04\x22\x4d\x18", 0, "a file compressed with LZ4", "write it with joblib.dump(model, path) uncompressed"),
    (b"<?xml", 0, "an XML file, perhaps PMML", "save the model with the library that trained it"),
)


@dataclass(frozen=True)
class Found:
    """A format, what it was recognised by, and whether opening the file runs code inside it."""

    format: ModelFormat
    evidence: str
    pickled: bool = False


def recognise(path: Path, shown: str, wanted: ModelFormat = ModelFormat.AUTO) -> Found:
    """The format of a file or folder; ``wanted`` overrides what is found, but no pickle hides behind it.

    Raises:
        UnsupportedModel: It is nothing that can be converted; the text says what it is and what to do.
    """
    try:
        found = _folder(path, shown) if path.is_dir() else _file(path, shown)
    except UnsupportedModel:
        if wanted is ModelFormat.AUTO:
            raise
        return Found(wanted, f"a file that --format calls {wanted.value}", pickled=wanted is ModelFormat.SKLEARN)
    if wanted in {ModelFormat.AUTO, found.format}:
        return found
    pickled = found.pickled or wanted is ModelFormat.SKLEARN
    return Found(wanted, f"{found.evidence}, which --format calls {wanted.value}", pickled)


def check_permission(found: Found, shown: str, *, allow_pickle: bool) -> None:
    """Raise PickleRefused when opening the file would run code and that is not permitted."""
    if found.pickled and not allow_pickle:
        raise PickleRefused(
            f"{shown}: found {found.evidence}; opening a pickle runs the code inside it. If you trust whoever made it, "
            "set spec.model.allowPickle: true (from a shell: --allow-pickle), or save the model in another format"
        )


def _folder(path: Path, shown: str) -> Found:
    names = sorted(entry.name for entry in path.iterdir())
    if MANIFEST_FILE in names:
        raise UnsupportedModel(shown, "a Slipway package", "it needs no conversion: serve or import it as it is")
    if SAVED_MODEL_FILE in names:
        return Found(ModelFormat.TENSORFLOW, f"a folder with {SAVED_MODEL_FILE}")
    graphs = [name for name in names if name.lower().endswith(".onnx")]
    if len(graphs) == 1:
        return Found(ModelFormat.ONNX, f"a folder with {graphs[0]}")
    if graphs:
        raise UnsupportedModel(shown, f"{len(graphs)} .onnx files", "name the one to serve, or a folder with one")
    if BLUEPRINT_FILE in names and any(name.endswith(".safetensors") for name in names):
        return Found(ModelFormat.SAFETENSORS, f"a folder with weights and {BLUEPRINT_FILE}")
    listing = ", ".join(names[:_SHOWN]) or "nothing"
    raise UnsupportedModel(shown, f"a folder with {listing}", _folder_remedy(names))


def _folder_remedy(names: list[str]) -> str:
    if "config.json" in names and any(name.endswith((".safetensors", ".bin")) for name in names):
        return "weights of a hub tell no graph: export the model to ONNX, for example with optimum"
    if "MLmodel" in names:
        return "name the file or folder of the model inside this MLflow folder"
    return "name the model's file, or a folder with saved_model.pb or one .onnx file"


def _file(path: Path, shown: str) -> Found:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise UnsupportedModel(shown, "an empty file", "copy the file again")
    if head.startswith(b"PK\x03\x04"):
        return Found(*recognise_archive(path, shown))
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return Found(ModelFormat.KERAS, "an HDF5 file")
    found = _booster(head) or _weights(path, head)
    if found is not None:
        return found
    for magic, offset, name, remedy in _MAGIC:
        if head[offset:].startswith(magic):
            raise UnsupportedModel(shown, name, remedy)
    names = pickle_globals(path)
    if names is not None:
        return _pickle(names, shown)
    return _message(path, shown)


def _booster(head: bytes) -> Found | None:
    if head.startswith(b"tree\nversion=v"):
        return Found(ModelFormat.LIGHTGBM, "a LightGBM text model")
    start = b"".join(head[:200].split())
    if start.startswith(b"{") and b'"learner":' in start:
        return Found(ModelFormat.XGBOOST, "an XGBoost model")
    # UBJSON writes the length of a key before it.
    if start.startswith(b"{") and b"learner" in head[:32]:
        return Found(ModelFormat.XGBOOST, "an XGBoost model in UBJSON")
    return None


def _weights(path: Path, head: bytes) -> Found | None:
    size = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or not 2 <= size <= min(_HEADER_LIMIT, path.stat().st_size):  # noqa: PLR2004 - "{}"
        return None
    with path.open("rb") as file:
        file.seek(8)
        try:
            header = json.loads(file.read(size))
        except (UnicodeDecodeError, json.JSONDecodeError):
            return None
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    if not all(isinstance(entry, dict) and "data_offsets" in entry for entry in tensors):
        return None
    return Found(ModelFormat.SAFETENSORS, f"{len(tensors)} tensors in safetensors")


def _pickle(names: tuple[str, ...], shown: str) -> Found:
    telling = next((name for name in names if name.partition(".")[0] not in _PLAIN), None)
    root = (telling or "").partition(".")[0]
    if root in _ESTIMATORS:
        return Found(ModelFormat.SKLEARN, f"a pickle of {telling}", pickled=True)
    if root == "torch":
        raise UnsupportedModel(
            shown,
            "a pickle of torch.save, which tells no graph",
            "save the model with torch.export.save(torch.export.export(model, example), 'model.pt2')",
        )
    if root in {"keras", "tensorflow"}:
        raise UnsupportedModel(shown, f"a pickle of {telling}", "save the model with model.save('model.keras')")
    what = f"a pickle of {telling}" if telling else f"a pickle of {names[0]}" if names else "a pickle of plain values"
    raise UnsupportedModel(shown, what, "pickle the fitted estimator itself, not an object around it")


def _message(path: Path, shown: str) -> Found:
    fields = outer_fields(path)
    if fields is not None and fields >= _ONNX_NEEDS and {number for number, _ in fields} <= _ONNX_FIELDS:
        return Found(ModelFormat.ONNX, "an ONNX graph")
    if fields is not None and (2, 2) in fields and {number for number, _ in fields} <= {1, 2}:
        raise UnsupportedModel(shown, "the graph file of a SavedModel", "name the folder that holds it, with variables")
    if path.suffix.lower() == ".onnx":
        raise UnsupportedModel(shown, "an .onnx file that is cut short or damaged", "copy or export it again")
    if fields is not None and (1, 2) in fields and {number for number, _ in fields} <= {1, 2, 3, 4}:
        raise UnsupportedModel(shown, "perhaps a frozen TensorFlow graph", "save the model as a SavedModel")
    raise UnsupportedModel(shown, "bytes of no known format", "save the model with its library's own save function")
