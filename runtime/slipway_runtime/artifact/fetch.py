"""Artifacts out of a store: every byte is verified before anyone may load it."""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from slipway_runtime.artifact.errors import ArtifactCorrupt, ArtifactMissing
from slipway_runtime.artifact.manifest import MANIFEST_FILE, Manifest
from slipway_runtime.artifact.package import parse_manifest, verify_file
from slipway_runtime.artifact.publish import BLOBS, MANIFESTS
from slipway_runtime.storage.errors import ObjectMissing
from slipway_runtime.storage.store import Store
from slipway_runtime.storage.uri import Mounts, open_uri

_ARTIFACT_URI = re.compile(rf"^(?P<root>.+)/{MANIFESTS}/(?P<sha256>[0-9a-f]{{64}})$")


def is_artifact(uri: str) -> bool:
    """Whether a URI names a content-addressed artifact (``<root>/manifests/<sha256>``)."""
    return _ARTIFACT_URI.match(uri) is not None


def fetch(uri: str, into: Path, mounts: Mounts | None = None, *, secret_name: str | None = None) -> Manifest:
    """Bring an artifact, or a package at a plain URI or path, into a directory.

    The directory appears whole or not at all: files are written beside it, verified, then moved. A directory that
    already holds a package is replaced.

    Args:
        uri: ``<root>/manifests/<sha256>``, or a directory or prefix that holds ``slipway.json``.
        into: Where the package goes.
        mounts: Where credentials and claims are; the environment's credentials if absent.
        secret_name: A Secret of its own instead of the store's credentials.

    Raises:
        ArtifactMissing: Manifest or file is not there.
        ArtifactCorrupt: A hash, a size or a path is not acceptable; nothing is left in ``into``.
        StoreError: The store refused or does not answer.
    """
    named = _ARTIFACT_URI.match(uri)
    root = open_uri(named["root"] if named else uri, mounts or Mounts(), secret_name=secret_name)
    key = f"{MANIFESTS}/{named['sha256']}" if named else MANIFEST_FILE
    content = _read_manifest(root, key)
    if named and (found := hashlib.sha256(content).hexdigest()) != named["sha256"]:
        raise ArtifactCorrupt(uri, f"the manifest's bytes have sha256 {found}", "publish the artifact again")
    manifest = parse_manifest(content, root.locate(key))
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    try:
        for entry in manifest.files:
            path = scratch / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            blob = f"{BLOBS}/{entry.sha256}" if named else entry.path
            _download(root, blob, path, entry.path)
            verify_file(path, entry, root.locate(blob))
        (scratch / MANIFEST_FILE).write_bytes(content)
        scratch.chmod(0o755)
        _replace(scratch, into)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def read_manifest(uri: str, mounts: Mounts, *, secret_name: str | None = None) -> Manifest:
    """Read and verify an artifact's manifest without its files.

    Raises:
        ArtifactMissing: It is not there.
        ArtifactCorrupt: Its bytes do not have the digest the URI names.
    """
    named = _ARTIFACT_URI.match(uri)
    root = open_uri(named["root"] if named else uri, mounts, secret_name=secret_name)
    content = _read_manifest(root, f"{MANIFESTS}/{named['sha256']}" if named else MANIFEST_FILE)
    if named and (found := hashlib.sha256(content).hexdigest()) != named["sha256"]:
        raise ArtifactCorrupt(uri, f"the manifest's bytes have sha256 {found}", "publish the artifact again")
    return parse_manifest(content, uri)


def _read_manifest(root: Store, key: str) -> bytes:
    try:
        return root.read(key)
    except ObjectMissing as error:
        raise ArtifactMissing(
            error.uri, "there is no manifest", "check the URI and that its run has published"
        ) from error


def _download(root: Store, key: str, path: Path, name: str) -> None:
    try:
        root.download(key, path)
    except ObjectMissing as error:
        raise ArtifactMissing(
            error.uri, f"file {name} of the artifact is not there", "publish the artifact again"
        ) from error


def _replace(scratch: Path, into: Path) -> None:
    """Move a finished directory into place. An existing target (such as a mount point) keeps its own inode."""
    if not into.exists():
        scratch.rename(into)
        return
    for old in into.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    for new in sorted(scratch.iterdir(), key=lambda path: path.name == MANIFEST_FILE):
        shutil.move(new, into / new.name)
