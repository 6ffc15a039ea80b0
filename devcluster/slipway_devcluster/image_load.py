"""Move an image from buildah's store into a node, sending only the layers the node has not unpacked yet.

containerd needs no blob of a layer whose unpacked snapshot it has, so an archive may leave such layers out: after a
change of code alone a node gets megabytes instead of torch's gigabytes again. Blobs of layers are dropped once they are
unpacked, as containerd itself does for pulled images (`discard_unpacked_layers`): a node holds every layer once.
"""

import contextlib
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from slipway_devcluster.buildah import Buildah
from slipway_devcluster.commands import run, tail
from slipway_devcluster.errors import CommandError, DevclusterError
from slipway_devcluster.layers import Layer, StoredImage, read_image
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
    missing = [layer for layer, name in zip(image.layers, chain, strict=True) if name not in present]
    size = sum(layer.size for layer in missing) / 1e6
    with step(f"load {reference} into {socket.parent.name}: {len(missing)} of {len(chain)} layers, {size:.0f} MB"):
        _import(socket, archive(reference, image, missing))
        if missing:
            _ctr(socket, "content", "rm", *(layer.digest for layer in missing), check=False)
    return True


def archive(reference: str, image: StoredImage, layers: Iterable[Layer]) -> Iterator[bytes]:
    """A tar of an OCI layout of `image` that has only the blobs of `layers`, piece by piece."""
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
    layout = _json({"imageLayoutVersion": "1.0.0"})
    yield from _member("oci-layout", len(layout), [layout])
    index = _json({"schemaVersion": 2, "manifests": [entry]})
    yield from _member("index.json", len(index), [index])
    yield from _member(_blob(_digest(manifest)), len(manifest), [manifest])
    yield from _member(_blob(_digest(image.configuration)), len(image.configuration), [image.configuration])
    for layer in layers:
        yield from _member(_blob(layer.digest), layer.size, layer.chunks())
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.GNU_FORMAT)
    yield from chunks
    yield bytes(-size % tarfile.BLOCKSIZE)


def _import(socket: Path, pieces: Iterable[bytes]) -> None:
    argv = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as importer:
        if importer.stdin is None or importer.stdout is None:
            raise CommandError("ctr was started without pipes")
        try:
            for piece in pieces:
                importer.stdin.write(piece)
            importer.stdin.close()
        except BrokenPipeError:  # it ended early; its status and words tell why
            with contextlib.suppress(BrokenPipeError):
                importer.stdin.close()
        said = importer.stdout.read().decode(errors="replace")
    if importer.returncode != 0:
        raise CommandError(f"{socket.parent.name} refused an image: {tail(said)}")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob(digest: str) -> str:
    return digest.replace("sha256:", "blobs/sha256/")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _ctr(socket: Path, *words: str, check: bool = True) -> str:
    return run(["ctr", "--address", socket, "--namespace", "k8s.io", *words], check=check)
