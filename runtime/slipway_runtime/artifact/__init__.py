"""The model package: a manifest and files, immutable, addressed by its digest. What programs of users need is here."""

from slipway_runtime.artifact.errors import ArtifactCorrupt, ArtifactError, ArtifactMissing
from slipway_runtime.artifact.fetch import fetch
from slipway_runtime.artifact.manifest import (
    DatasetLineage,
    FileEntry,
    Format,
    Lineage,
    Manifest,
    Signature,
    SourceLineage,
    Task,
    TensorSpec,
)
from slipway_runtime.artifact.package import read_package, write_package
from slipway_runtime.artifact.publish import publish

__all__ = [
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactMissing",
    "DatasetLineage",
    "FileEntry",
    "Format",
    "Lineage",
    "Manifest",
    "Signature",
    "SourceLineage",
    "Task",
    "TensorSpec",
    "fetch",
    "publish",
    "read_package",
    "write_package",
]
