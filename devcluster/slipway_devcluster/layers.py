"""Read images out of buildah's store as they are, uncompressed and without copies.

The store (containers/storage, overlay driver) keeps a layer as a folder of files and a tar-split record: the archive's
headers and padding in order, with a mark for each file's contents. Together they give the exact bytes of the layer, so
its digest holds. `buildah push` offers no way to leave layers out, and compresses those of an OCI layout.
"""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20
_FILE, _SEGMENT = 1, 2  # tar-split's storage.Type


@dataclass(frozen=True)
class Layer:
    """One layer: digest (`sha256:…`) and bytes of its uncompressed archive, and where its parts are."""

    digest: str
    size: int
    record: Path
    files: Path

    def chunks(self) -> Iterator[bytes]:
        """The archive, piece by piece."""
        with gzip.open(self.record, "rb") as record:
            for line in record:
                entry = json.loads(line)
                if entry["type"] == _SEGMENT:
                    yield base64.b64decode(entry["payload"])
                elif entry["type"] == _FILE and entry.get("size", 0) > 0:
                    yield from _contents(self.files / _name(entry))


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
                record=store / "overlay-layers" / f"{identity}.tar-split.gz",
                files=store / "overlay" / identity / "diff",
            ),
        )
        identity = record.get("parent")
    return StoredImage(configuration, tuple(reversed(layers)))


def _name(entry: dict[str, str]) -> str:
    if "name_raw" in entry:  # not UTF-8
        return base64.b64decode(entry["name_raw"]).decode(errors="surrogateescape").lstrip("/")
    return entry["name"].lstrip("/")


def _contents(path: Path) -> Iterator[bytes]:
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            yield chunk
