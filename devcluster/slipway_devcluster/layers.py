"""Find the parts of an image in buildah's store (containers/storage, overlay driver)."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layer:
    """One layer: digest (`sha256:…`) and bytes of its uncompressed archive, and the folder it is unpacked in.

    The folder is in the form of an overlay's lower directory: what a layer deletes is a character device 0:0.
    """

    digest: str
    size: int
    files: Path


@dataclass(frozen=True)
class StoredImage:
    """An image in the store: its configuration's bytes and its layers, lowest first."""

    configuration: bytes
    layers: tuple[Layer, ...]


def read_image(store: Path, reference: str) -> StoredImage | None:
    """The image with this name, or None if the store has none."""
    images = json.loads((store / "overlay-images" / "images.json").read_text())
    found = next((image for image in images if reference in (image.get("names") or [])), None)
    if found is None:
        return None
    key = base64.b64encode(f"sha256:{found['id']}".encode()).decode()
    configuration = (store / "overlay-images" / found["id"] / f"={key}").read_bytes()
    by_id = {record["id"]: record for record in json.loads((store / "overlay-layers" / "layers.json").read_text())}
    layers: list[Layer] = []
    identity: str | None = found["layer"]
    while identity:
        record = by_id[identity]
        layers.append(
            Layer(
                digest=record["diff-digest"],
                size=record["diff-size"],
                files=store / "overlay" / identity / "diff",
            ),
        )
        identity = record.get("parent")
    return StoredImage(configuration, tuple(reversed(layers)))
