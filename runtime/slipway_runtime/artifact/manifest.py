"""What a model package says about itself."""

import hashlib
import json
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from slipway_runtime.spec.base import Decimal, SpecModel
from slipway_runtime.spec.summary import Digest, Metrics

MANIFEST_FILE = "slipway.json"


class Task(StrEnum):
    """What the model's answer is."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    OTHER = "other"


class Format(StrEnum):
    """How the model's main file is encoded."""

    ONNX = "onnx"


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or "\\" in path or "\0" in path or str(pure) != path or ".." in pure.parts or path == ".":
        raise ValueError(f"path {path!r} leaves the package: use a relative path without . and ..")
    if path == MANIFEST_FILE:
        raise ValueError(f"path {path!r} is the manifest itself")
    return path


PackagePath = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_inside)]
"""A file's place in the package: relative, ``/``-separated, never outside."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class TensorSpec(SpecModel):
    """One input or output."""

    name: str = Field(min_length=1, max_length=256)
    dtype: str = Field(description="Element type in numpy's spelling: float32, int64, …", max_length=32)
    shape: tuple[int, ...] = Field(description="Sizes; -1 where any size goes.", max_length=16)


class Signature(SpecModel):
    """What goes in and what comes out."""

    inputs: tuple[TensorSpec, ...] = Field(min_length=1, max_length=64)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1, max_length=64)


class FileEntry(SpecModel):
    """One file of the package."""

    path: PackagePath
    sha256: Sha256
    size_bytes: int = Field(ge=0, alias="bytes")


class DatasetLineage(SpecModel):
    """Which examples a model saw, and which were held out."""

    uri: str = Field(max_length=1024)
    digest: Digest = Field(description="Of the loaded examples, not of the file.")
    target: str = Field("target", max_length=128)
    fraction: Decimal | None = Field(
        None, description="Held-out share; absent when nothing was held out of this dataset."
    )
    seed: int | None = Field(None, description="Seed of the split.")


class SourceLineage(SpecModel):
    """Which file a model was converted from."""

    uri: str = Field(max_length=1024)
    digest: Digest = Field(description="Of the file's bytes; of a folder, of its files' names and bytes.")
    format: str = Field(max_length=32, description="How the file was written.")
    conversion: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="Hash of all that decides the result: file, settings and converters."
    )


class Lineage(SpecModel):
    """Where the model comes from. Nothing here differs between equal runs."""

    parents: tuple[Digest, ...] = Field(default=(), max_length=16)
    dataset: DatasetLineage | None = None
    source: SourceLineage | None = None
    seed: int | None = None
    versions: dict[str, str] = Field(default_factory=dict, description="Libraries that made it.", max_length=32)


class Manifest(SpecModel):
    """A package's description; its canonical bytes are its identity."""

    schema_version: int = Field(1, ge=1, le=1, description="Layout of this manifest.")
    name: str = Field(min_length=1, max_length=253)
    task: Task
    format: Format
    signature: Signature
    files: tuple[FileEntry, ...] = Field(min_length=1, max_length=4096)
    metrics: Metrics = ()
    classes: tuple[str, ...] = Field(
        default=(), description="Label names in the order of the outputs.", max_length=65536
    )
    lineage: Lineage = Lineage()

    @model_validator(mode="after")
    def _has_model(self) -> "Manifest":
        paths = [entry.path for entry in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("files names a path twice")
        if not any(path.endswith(f".{self.format.value}") for path in paths):
            raise ValueError(f"files has no .{self.format.value} file, which format {self.format.value} needs")
        return self

    @property
    def canonical(self) -> bytes:
        """The bytes that are stored and hashed: JSON with sorted keys, without spaces and absent values."""
        value = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def digest(self) -> str:
        """``sha256:`` and the hash of :attr:`canonical`."""
        return "sha256:" + hashlib.sha256(self.canonical).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.size_bytes for entry in self.files)

    @property
    def model_file(self) -> str:
        """Path of the file that the format's engine loads."""
        suffix = f".{self.format.value}"
        return next(entry.path for entry in self.files if entry.path.endswith(suffix))
