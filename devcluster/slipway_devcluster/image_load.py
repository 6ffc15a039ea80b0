"""Move an image from buildah's store into a node, sending only the layers the node has not unpacked yet.

containerd needs no blob of a layer whose unpacked snapshot it has, so an archive may leave such layers out: after a
change of code alone a node gets megabytes instead of torch's gigabytes again. Blobs of layers are dropped once they are
unpacked, as containerd itself does for pulled images (`discard_unpacked_layers`): a node holds every layer once.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from slipway_devcluster.buildah import Buildah
from slipway_devcluster.commands import run, tail
from slipway_devcluster.errors import CommandError, DevclusterError
from slipway_devcluster.paths import cache_root
from slipway_devcluster.progress import step


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
    buildah = Buildah.default()
    if not buildah.has(reference):
        raise DevclusterError(f"no image {reference}: build it with `slipway-devcluster images build`")
    layers = buildah.layers(reference)
    present = {line.split()[0] for line in _ctr(socket, "snapshots", "ls").splitlines()[1:] if line.strip()}
    held = {layer for layer, chain in zip(layers, chain_ids(layers), strict=True) if chain in present}
    with step(f"load {reference} into {socket.parent.name} ({len(layers) - len(held)} of {len(layers)} layers)"):
        work = cache_root() / "tmp"
        work.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="load-", dir=work))
        try:
            _export(buildah, reference, held, folder)
            _import(socket, folder, held)
        finally:
            shutil.rmtree(folder)
        _ctr(socket, "content", "rm", *(layer for layer in layers if layer not in held), check=False)
    return True


def _export(buildah: Buildah, reference: str, held: set[str], layout: Path) -> None:
    """Write the image as an OCI layout without the layers in `held`."""
    sizes = _layer_sizes(buildah.store)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for layer in held:
        # An empty file of the layer's size takes no disk and makes buildah take the layer for written already.
        with (blobs / layer.removeprefix("sha256:")).open("wb") as handle:
            handle.truncate(sizes.get(layer, 0))
    buildah.run("push", "--quiet", "--disable-compression", "--format=oci", reference, f"oci:{layout}:image")
    index = json.loads((layout / "index.json").read_text())
    for manifest in index["manifests"]:
        manifest["annotations"] = {"io.containerd.image.name": reference}
    (layout / "index.json").write_text(json.dumps(index))


def _layer_sizes(store: Path) -> dict[str, int]:
    """Uncompressed size by digest, from the store's own records."""
    records = json.loads((store / "overlay-layers" / "layers.json").read_text())
    return {record["diff-digest"]: record["diff-size"] for record in records if "diff-digest" in record}


def _import(socket: Path, layout: Path, held: set[str]) -> None:
    """Stream the layout into containerd, each blob removed once it is sent."""
    left_out = {digest.removeprefix("sha256:") for digest in held}
    argv = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as importer:
        assert importer.stdin is not None  # noqa: S101  (asked for above)
        assert importer.stdout is not None  # noqa: S101
        try:
            with tarfile.open(fileobj=importer.stdin, mode="w|") as archive:
                for name in ("oci-layout", "index.json"):
                    archive.add(layout / name, arcname=name)
                for blob in sorted((layout / "blobs" / "sha256").iterdir()):
                    if blob.name not in left_out:
                        archive.add(blob, arcname=f"blobs/sha256/{blob.name}")
                        blob.unlink()
            importer.stdin.close()
        except BrokenPipeError:
            pass  # it ended early; its status and words tell why
        said = importer.stdout.read().decode(errors="replace")
    if importer.returncode != 0:
        raise CommandError(f"{socket.parent.name} refused an image: {tail(said)}")


def _ctr(socket: Path, *words: str, check: bool = True) -> str:
    return run(["ctr", "--address", socket, "--namespace", "k8s.io", *words], check=check)
