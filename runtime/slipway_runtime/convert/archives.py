"""Zip archives that hold a model: Keras, torch.export and TorchScript write them."""

import zipfile
from pathlib import Path

from slipway_runtime.convert.errors import UnsupportedModel
from slipway_runtime.spec.convert import ModelFormat

_SHOWN = 5


def recognise_archive(path: Path, shown: str) -> tuple[ModelFormat, str]:
    """The format of a zip archive, and by what it was recognised.

    Raises:
        UnsupportedModel: It is another archive, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnsupportedModel(shown, f"a damaged zip archive ({error})", "copy the file again") from error
    inner = {name.partition("/")[2] for name in names}
    if {"config.json", "model.weights.h5"} <= set(names):
        return ModelFormat.KERAS, "a Keras archive with config.json and model.weights.h5"
    if "archive_format" in inner or "serialized_exported_program.json" in names:
        return ModelFormat.TORCH_EXPORT, "a torch.export archive"
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return ModelFormat.TORCHSCRIPT, "a TorchScript archive with code and constants.pkl"
    raise UnsupportedModel(shown, *_other(names, inner))


def _other(names: list[str], inner: set[str]) -> tuple[str, str]:
    if "data.pkl" in inner:
        return (
            "weights or a pickled module of torch.save, which tell no graph",
            "save the model with torch.export.save(torch.export.export(model, example), 'model.pt2')",
        )
    if any(name.endswith("saved_model.pb") for name in names):
        return "a SavedModel in a zip archive", "unpack it and name the folder that holds saved_model.pb"
    if any(name.endswith(".onnx") for name in names):
        return "an .onnx file in a zip archive", "unpack it and name the file"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of numpy.savez", "name the model; this may be what --samples wants"
    listing = ", ".join(names[:_SHOWN]) or "nothing"
    return f"a zip archive with {listing}", "name the file that the library's own save function wrote"
