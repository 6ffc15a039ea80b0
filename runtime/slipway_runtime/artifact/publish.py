"""Packages into a store: content-addressed, whole or not at all."""

from contextlib import suppress
from pathlib import Path

from slipway_runtime.artifact.manifest import MANIFEST_FILE
from slipway_runtime.artifact.package import read_package
from slipway_runtime.spec.summary import ArtifactRef
from slipway_runtime.storage.errors import ObjectMissing
from slipway_runtime.storage.store import Store

BLOBS = "blobs"
MANIFESTS = "manifests"


def publish(package: Path, root: Store) -> ArtifactRef:
    """Store a package: its files first, its manifest last, so that a manifest in the store is always complete.

    Files are written even when the store has them: equal bytes under the same key change nothing, a damaged object
    is healed, and its age starts anew, so that a sweep running meanwhile leaves it alone.

    Raises:
        ArtifactCorrupt, ArtifactMissing: The package itself is not sound.
        StoreError: The store refused; nothing that a reader could find was left behind.
    """
    manifest = read_package(package)
    sha256 = manifest.digest.removeprefix("sha256:")
    # A small request first: a refused large upload is only seen as a broken connection, a refused read has a reason.
    with suppress(ObjectMissing):
        root.read(f"{MANIFESTS}/{sha256}")
    for entry in manifest.files:
        root.write(f"{BLOBS}/{entry.sha256}", package / entry.path)
    root.write(f"{MANIFESTS}/{sha256}", manifest.canonical)
    return ArtifactRef(
        uri=root.locate(f"{MANIFESTS}/{sha256}"),
        digest=manifest.digest,
        size_bytes=manifest.size_bytes,
        metrics=manifest.metrics,
    )


def copy_package(package: Path, target: Store) -> ArtifactRef:
    """Write a package by its file names below a plain root; the manifest comes last.

    Raises:
        ArtifactCorrupt, ArtifactMissing: The package itself is not sound.
        StoreError: The store refused.
    """
    manifest = read_package(package)
    with suppress(ObjectMissing):
        target.read(MANIFEST_FILE)
    for entry in manifest.files:
        target.write(entry.path, package / entry.path)
    target.write(MANIFEST_FILE, manifest.canonical)
    return ArtifactRef(uri=target.uri, digest=manifest.digest, size_bytes=manifest.size_bytes, metrics=manifest.metrics)
