"""Whatever a user may name as a model, as a verified package in a directory."""

import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from slipway_runtime.artifact.fetch import fetch, is_artifact
from slipway_runtime.artifact.manifest import Manifest
from slipway_runtime.artifact.onnxfile import package_onnx
from slipway_runtime.storage.uri import Mounts, download


def obtain(uri: str, into: Path, mounts: Mounts, *, secret_name: str | None = None) -> Manifest:
    """Bring a model into a directory: an artifact, a package at a plain URI or path, or a raw ``.onnx`` file.

    A raw file becomes a package named after it.

    Raises:
        ArtifactMissing, ArtifactCorrupt: The artifact is not sound.
        ConfigError: A raw file does not load.
        StoreError: It cannot be read.
    """
    if is_artifact(uri) or not uri.lower().endswith(".onnx"):
        return fetch(uri, into, mounts, secret_name=secret_name)
    name = PurePosixPath(unquote(urlsplit(uri).path)).stem or "model"
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="slipway-onnx-", dir=into.parent) as scratch:
        file = Path(scratch) / "raw.onnx"
        download(uri, file, mounts, secret_name=secret_name)
        return package_onnx(file, into, name=name, shown=uri)
