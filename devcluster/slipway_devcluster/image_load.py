"""Give a node an image of buildah's store without moving a byte of its layers.

buildah keeps a layer unpacked, in the form that containerd's overlay snapshotter uses too, and both only ever read it:
a container's writes go elsewhere. So a node's snapshot of a layer is made of hard links, and torch's gigabytes are on
the disk once, however many nodes have them. containerd needs no blob of a layer whose snapshot it has, so what is
imported is the manifest and the configuration.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from slipway_devcluster.buildah import Buildah
from slipway_devcluster.commands import run, tail
from slipway_devcluster.errors import CommandError, DevclusterError
from slipway_devcluster.layers import StoredImage, read_image
from slipway_devcluster.progress import step

_MEDIA = "application/vnd.oci.image"


def chain_ids(layers: Sequence[str]) -> list[str]:
    """Names of the snapshots that layers (uncompressed digests, lowest first) unpack to: the OCI ChainID."""
    chain: list[str] = []
    for layer in layers:
        chain.append(f"sha256:{hashlib.sha256(f'{chain[-1]} {layer}'.encode()).hexdigest()}" if chain else layer)
    return chain


def load_image(socket: Path, reference: str) -> bool:
    """Have the image on the node behind `socket`; False if it was there.

    Raises:
        DevclusterError: it is not in buildah's store, or the node refused it.
    """
    if reference in _ctr(socket, "images", "ls", "-q").split():
        return False
    image = read_image(Buildah.default().store, reference)
    if image is None:
        raise DevclusterError(f"no image {reference}: build it with `slipway-devcluster images build`")
    present = {line.split()[0] for line in _ctr(socket, "snapshots", "ls").splitlines()[1:] if line.strip()}
    chain = chain_ids([layer.digest for layer in image.layers])
    parents = ("", *chain)
    missing = [entry for entry in zip(image.layers, chain, parents, strict=False) if entry[1] not in present]
    size = sum(layer.size for layer, _, _ in missing) / 1e6
    with step(f"load {reference} into {socket.parent.name}: {len(missing)} of {len(chain)} layers, {size:.0f} MB"):
        for layer, name, parent in missing:
            _link(socket, layer.files, name, parent)
        _import(socket, archive(reference, image))
        # The image keeps them now; until here a label did.
        for _, name, _ in missing:
            _ctr(socket, "snapshots", "label", name, "containerd.io/gc.root=")
    return True


def _link(socket: Path, files: Path, name: str, parent: str) -> None:
    """Make the snapshot `name` on top of `parent` out of links to `files`."""
    draft = f"draft-{name}"
    _ctr(socket, "snapshots", "rm", draft, check=False)  # of a load that was interrupted
    _ctr(socket, "snapshots", "prepare", draft, *([parent] if parent else []))
    folder = snapshot_folder(_ctr(socket, "snapshots", "mounts", "/", draft))
    run(["cp", "--archive", "--link", f"{files}/.", folder])
    _ctr(socket, "snapshots", "commit", name, draft)


def snapshot_folder(mount: str) -> str:
    """Where a snapshot's own files are, from the command that would mount it.

    Raises:
        DevclusterError: it is not an overlay's command.
    """
    found = re.search(r"upperdir=([^,\s]+)", mount) or re.match(r"mount -t bind (\S+) ", mount)
    if found is None:
        raise DevclusterError(f"no folder in {mount.strip()!r}: the node's snapshotter is not overlayfs")
    return found[1]


def archive(reference: str, image: StoredImage) -> bytes:
    """A tar of an OCI layout of `image` that has no layer's blob."""
    configuration = {
        "mediaType": f"{_MEDIA}.config.v1+json",
        "digest": _digest(image.configuration),
        "size": len(image.configuration),
    }
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": configuration,
            "layers": [
                {"mediaType": f"{_MEDIA}.layer.v1.tar", "digest": layer.digest, "size": layer.size}
                for layer in image.layers
            ],
        },
    )
    entry = {
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "digest": _digest(manifest),
        "size": len(manifest),
        "annotations": {"io.containerd.image.name": reference},
    }
    index = _json({"schemaVersion": 2, "manifests": [entry]})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in (
            ("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
            ("index.json", index),
            (_blob(_digest(manifest)), manifest),
            (_blob(_digest(image.configuration)), image.configuration),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _import(socket: Path, layout: bytes) -> None:
    argv = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", "-"]
    done = subprocess.run(argv, input=layout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise CommandError(f"{socket.parent.name} refused an image: {tail(done.stdout.decode(errors='replace'))}")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob(digest: str) -> str:
    return digest.replace("sha256:", "blobs/sha256/")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _ctr(socket: Path, *words: str, check: bool = True) -> str:
    return run(["ctr", "--address", socket, "--namespace", "k8s.io", *words], check=check)
