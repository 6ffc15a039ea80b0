"""What can be wrong with an artifact."""

from slipway_runtime.storage.errors import StoreError


class ArtifactError(StoreError):
    """An artifact cannot be used; trying again gives the same answer."""


class ArtifactMissing(ArtifactError):
    """Its manifest, or a file that its manifest names, is not there."""


class ArtifactCorrupt(ArtifactError):
    """Bytes differ from what the digest or the manifest promises, or the manifest is not acceptable."""
