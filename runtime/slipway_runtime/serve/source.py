"""From what the command line calls a model to a file that an engine can load."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from slipway_runtime.serve.errors import ConfigInvalid, ModelLoadError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_UNNAMED_VERSION = "1"
_VERSION_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A name to serve under and a place to load from: directory, ``.onnx`` file or URI."""

    name: str
    location: str
    secret_name: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ModelSource":
        """Read ``NAME=DIR|URI|FILE.onnx``.

        Raises:
            ConfigInvalid: there is no ``=``, the name has other characters than ``A-Z a-z 0-9 . _ -``, or no place.
        """
        name, separator, location = text.partition("=")
        if not separator or not location or not _NAME.fullmatch(name):
            raise ConfigInvalid(
                f"--model {text!r}: write NAME=DIR, NAME=URI or NAME=FILE.onnx, with a NAME of letters, digits, . _ -"
            )
        return cls(name, location)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file on this machine, verified when it came with a manifest. ``digest`` is empty for a bare file."""

    path: Path
    version: str
    classes: tuple[str, ...]
    digest: str


def localize(source: ModelSource, scratch: Path, env: dict[str, str]) -> LocalModel:
    """Find the model, downloading and verifying it into ``scratch`` when it is remote.

    Raises:
        ConfigInvalid: there is neither a package nor an ``.onnx`` file.
        StoreError: the artifact is missing or corrupt, or the store refused or did not answer.
    """
    if "://" in source.location:
        return _download(source, scratch, env)
    path = Path(source.location)
    if path.is_dir():
        return _package(path)
    if path.is_file() and path.suffix == ".onnx":
        return _bare(path)
    problem = "is no package directory and no .onnx file" if path.exists() else "does not exist"
    raise ConfigInvalid(
        f'model "{source.name}": {path} {problem}; name a directory with slipway.json, an .onnx file or a URI'
    )


def _package(directory: Path) -> LocalModel:
    """Read what serving needs of a package, and verify its files.

    By hand and not with ``slipway_runtime.artifact``, whose models would double the time to readiness; in a pod, and
    for every URI, that package has already judged the whole manifest when it fetched it.
    """
    path = directory / "slipway.json"
    if not path.is_file():
        raise ConfigInvalid(f"{path} does not exist; name a package directory, or the .onnx file itself")
    content = path.read_bytes()
    try:
        manifest = orjson.loads(content)
        model = next(entry["path"] for entry in manifest["files"] if entry["path"].endswith(f".{manifest['format']}"))
        for entry in manifest["files"]:
            _verify(directory, entry)
        classes = tuple(map(str, manifest.get("classes", ())))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, StopIteration) as error:
        raise ModelLoadError(f"{path} is not the manifest of a package; publish or fetch it again") from error
    digest = hashlib.sha256(content).hexdigest()
    return LocalModel(directory / model, digest[:_VERSION_DIGITS], classes, f"sha256:{digest}")


def _verify(directory: Path, entry: dict[str, Any]) -> None:
    path = directory / entry["path"]
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ModelLoadError(f"{path} is outside of its package; publish it again")
    if not path.is_file():
        raise ModelLoadError(f"{path} is named by the manifest but does not exist; publish or fetch the package again")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry["sha256"]:
        raise ModelLoadError(
            f"{path} has sha256 {found}, its manifest promises {entry['sha256']}; publish or fetch it again"
        )


def _bare(path: Path) -> LocalModel:
    return LocalModel(path, _UNNAMED_VERSION, (), "")


def _download(source: ModelSource, scratch: Path, env: dict[str, str]) -> LocalModel:
    from slipway_runtime.artifact.fetch import fetch
    from slipway_runtime.storage.uri import Mounts, download

    mounts = Mounts.from_env(env)
    if source.location.endswith(".onnx"):
        scratch.mkdir(parents=True, exist_ok=True)
        target = scratch / f"{source.name}.onnx"
        download(source.location, target, mounts, secret_name=source.secret_name)
        return _bare(target)
    fetch(source.location, scratch / source.name, mounts, secret_name=source.secret_name)
    return _package(scratch / source.name)
