"""The model as its owner has it: a file or a folder, brought here and named by the digest of its bytes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from slipway_runtime.artifact.fetch import is_artifact
from slipway_runtime.artifact.package import sha256_of
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.storage.errors import ObjectMissing
from slipway_runtime.storage.uri import Mounts, download, is_remote, list_files, local_path, open_uri, split_uri


@dataclass(frozen=True)
class Origin:
    """A source on this machine. ``name`` is the file's or folder's name without its ending."""

    uri: str
    path: Path
    digest: str
    name: str


def bring(uri: str, scratch: Path, mounts: Mounts, *, secret_name: str | None = None) -> Origin:
    """Find the source, and copy it into ``scratch`` when it is remote.

    A remote URI is an object, or, when there is none of that key, a folder of all objects below it.

    Raises:
        ConfigError: It is an artifact already, or a folder holds a link that leaves it.
        StoreError: Nothing is there, or it cannot be read.
    """
    if is_artifact(uri):
        raise ConfigError(f"{uri}: is an artifact already and needs no conversion; serve it as it is")
    if is_remote(uri):
        path = _copy(uri, scratch, mounts, secret_name)
    else:
        path = local_path(uri, mounts)
        if not path.exists():
            raise ObjectMissing(uri, "there is no such file or folder", "check the path")
    name = PurePosixPath(unquote(urlsplit(uri).path).rstrip("/")).stem or "model"
    return Origin(uri, path, digest_of(path, uri), name)


def bring_file(uri: str, into: Path, mounts: Mounts, *, secret_name: str | None = None) -> Path:
    """One file, under its own name in the folder ``into``; a local one stays where it is.

    Raises:
        StoreError: It is not there or cannot be read.
    """
    if not is_remote(uri):
        path = local_path(uri, mounts)
        if not path.is_file():
            raise ObjectMissing(uri, "there is no such file", "check the path")
        return path
    into.mkdir(parents=True, exist_ok=True)
    path = into / split_uri(uri)[1]
    download(uri, path, mounts, secret_name=secret_name)
    return path


def digest_of(path: Path, shown: str) -> str:
    """``sha256:`` and the hash of a file's bytes, or of the names and hashes of all files of a folder.

    Raises:
        ConfigError: A folder holds a link that leaves it.
    """
    if path.is_file():
        return f"sha256:{sha256_of(path)}"
    total = hashlib.sha256()
    root = path.resolve()
    for file in sorted(path.rglob("*")):
        if not file.resolve().is_relative_to(root):
            raise ConfigError(
                f"{shown}: {file.relative_to(path)} is a link out of the folder; put the file itself there"
            )
        if file.is_file():
            total.update(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _copy(uri: str, scratch: Path, mounts: Mounts, secret_name: str | None) -> Path:
    if urlsplit(uri).scheme != "s3" or not uri.endswith("/"):
        try:
            return bring_file(uri, scratch, mounts, secret_name=secret_name)
        except ObjectMissing:
            if urlsplit(uri).scheme != "s3":
                raise  # other servers have no listings
    entries = list_files(uri, mounts, secret_name=secret_name)
    if not entries:
        raise ObjectMissing(uri, "there is no object of this key and none below it", "check the URI")
    root = open_uri(uri, mounts, secret_name=secret_name)
    folder = scratch / PurePosixPath(urlsplit(uri).path.rstrip("/")).name
    for entry in entries:
        file = folder / entry.key
        file.parent.mkdir(parents=True, exist_ok=True)
        root.download(entry.key, file)
    return folder
