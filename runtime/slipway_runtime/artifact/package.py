"""A package as a directory: the manifest in ``slipway.json`` beside the files it names."""

import hashlib
from pathlib import Path

from pydantic import ValidationError

from slipway_runtime.artifact.errors import ArtifactCorrupt, ArtifactMissing
from slipway_runtime.artifact.manifest import MANIFEST_FILE, FileEntry, Format, Lineage, Manifest, Signature, Task
from slipway_runtime.spec.summary import Metric


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, streamed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_package(
    directory: Path,
    *,
    name: str,
    task: Task,
    signature: Signature,
    format: Format = Format.ONNX,  # noqa: A002 - the manifest's word
    metrics: tuple[Metric, ...] = (),
    classes: tuple[str, ...] = (),
    lineage: Lineage | None = None,
) -> Manifest:
    """Describe the files that lie in a directory, and write the description beside them.

    Every file below ``directory`` becomes part of the package (an older ``slipway.json`` is replaced).

    Raises:
        ValueError: The directory holds no file of the format, or a link that leaves it.
    """
    files = tuple(
        FileEntry(path=path.relative_to(directory).as_posix(), sha256=sha256_of(path), size_bytes=path.stat().st_size)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path != directory / MANIFEST_FILE and _own(path, directory)
    )
    if not any(entry.path.endswith(f".{format.value}") for entry in files):
        raise ValueError(f"{directory}: no .{format.value} file to describe; export the model there first")
    manifest = Manifest(
        name=name,
        task=task,
        format=format,
        signature=signature,
        files=files,
        metrics=metrics,
        classes=classes,
        lineage=lineage or Lineage(),
    )
    (directory / MANIFEST_FILE).write_bytes(manifest.canonical)
    return manifest


def _own(path: Path, directory: Path) -> bool:
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ValueError(f"{path} is a link out of the package; put the file itself there")
    return True


def parse_manifest(content: bytes, uri: str) -> Manifest:
    """Read a manifest's bytes.

    Raises:
        ArtifactCorrupt: They are not a manifest, or name a path outside the package.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ArtifactCorrupt(
            uri,
            f"the manifest is not acceptable at {where}: {first['msg']}",
            "publish the artifact again, or use the slipway release that made it",
        ) from error


def read_package(directory: Path) -> Manifest:
    """Read and verify a package in a directory: every named file is there and has the promised hash.

    Raises:
        ArtifactMissing: The manifest or a file is absent.
        ArtifactCorrupt: The manifest is not acceptable or a file differs from it.
    """
    path = directory / MANIFEST_FILE
    if not path.is_file():
        raise ArtifactMissing(str(path), "there is no manifest", "name a package directory, or import the model first")
    manifest = parse_manifest(path.read_bytes(), str(path))
    for entry in manifest.files:
        verify_file(directory / entry.path, entry, str(directory / entry.path))
    return manifest


def verify_file(path: Path, entry: FileEntry, uri: str) -> None:
    """Check one file against its entry.

    Raises:
        ArtifactMissing: It is not there.
        ArtifactCorrupt: Its size or hash differs.
    """
    if not path.is_file():
        raise ArtifactMissing(uri, f"file {entry.path} of the artifact is not there", "publish the artifact again")
    size = path.stat().st_size
    if size != entry.size_bytes:
        raise ArtifactCorrupt(
            uri,
            f"file {entry.path} has {size} bytes, the manifest promises {entry.size_bytes}",
            "publish the artifact again",
        )
    found = sha256_of(path)
    if found != entry.sha256:
        raise ArtifactCorrupt(
            uri,
            f"file {entry.path} has sha256 {found}, the manifest promises {entry.sha256}",
            "publish the artifact again",
        )
