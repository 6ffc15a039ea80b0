"""A file is converted once: the record of what came of it, keyed by all that decides the result."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from slipway_runtime.artifact.errors import ArtifactCorrupt, ArtifactMissing
from slipway_runtime.artifact.fetch import fetch, read_manifest
from slipway_runtime.artifact.manifest import Manifest
from slipway_runtime.artifact.publish import MANIFESTS
from slipway_runtime.run.context import RunContext
from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.convert import ConvertSpec, ModelFormat
from slipway_runtime.spec.summary import ArtifactRef, Digest
from slipway_runtime.storage.errors import ObjectMissing

CONVERSIONS = "conversions"


class Record(SpecModel):
    """What a conversion gave."""

    manifest: Digest


def conversion_key(
    digest: str,
    format: ModelFormat,  # noqa: A002 - the spec's word
    spec: ConvertSpec,
    samples_digest: str | None,
    versions: Mapping[str, str],
) -> str:
    """Hash of the source's bytes, the settings that matter, and the converters' versions.

    Neither the URI nor a permission is part of it: the same bytes give the same model.
    """
    parts = {
        "source": digest,
        "format": format.value,
        "inputShape": spec.input_shape,
        "classes": spec.classes,
        "samples": samples_digest,
        "versions": dict(sorted(versions.items())),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def recall(context: RunContext, key: str, package: Path) -> Manifest | None:
    """Fetch what the store has of this conversion into ``package``; None when it must be done.

    A record whose artifact is gone or damaged counts as none.

    Raises:
        StoreError: The store refused or does not answer.
    """
    store = context.store()
    try:
        record = Record.model_validate_json(store.read(f"{CONVERSIONS}/{key}"))
        sha256 = record.manifest.removeprefix("sha256:")
        return fetch(store.locate(f"{MANIFESTS}/{sha256}"), package, context.mounts)
    except (ObjectMissing, ArtifactMissing, ArtifactCorrupt, ValidationError):
        return None


def remember(context: RunContext, key: str, digest: str) -> None:
    """Record what a conversion gave, after it is published.

    Raises:
        StoreError: The store refused or does not answer.
    """
    context.store().write(f"{CONVERSIONS}/{key}", Record(manifest=digest).model_dump_json(by_alias=True).encode())


def already_there(context: RunContext, key: str) -> ArtifactRef | None:
    """The package in a plain output directory, if it came of this conversion and is a manifest that reads."""
    output = context.output or ""
    try:
        # The directory is not made for a look into it: a conversion that fails leaves nothing.
        manifest = read_manifest(output, context.mounts)
    except (ObjectMissing, ArtifactMissing, ArtifactCorrupt):
        return None
    if manifest.lineage.source is None or manifest.lineage.source.conversion != key:
        return None
    return ArtifactRef(
        uri=output.rstrip("/"), digest=manifest.digest, size_bytes=manifest.size_bytes, metrics=manifest.metrics
    )
