"""Build the project's images from its own Dockerfiles; a tag is the hash of everything that goes in."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster import binaries
from slipway_devcluster.base_image import BASE, ensure_base
from slipway_devcluster.binaries import content_key
from slipway_devcluster.buildah import Buildah, trust_mounts
from slipway_devcluster.configs import PAUSE_IMAGE
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.paths import cache_root, locked
from slipway_devcluster.progress import step

PAUSE = "slipway-pause"
TORCH_INDEX = "SLIPWAY_TORCH_INDEX"
_PROJECT_FILES = ("pyproject.toml", "README.md", "LICENSE")
_SKIPPED_SUFFIXES = (".pyc",)


@dataclass(frozen=True)
class Image:
    """One image: its Dockerfile and target, the files of the project that go in, and how long a cold build takes.

    ``on_request`` images are built when they are named only.
    """

    name: str
    dockerfile: str
    target: str
    inputs: tuple[str, ...]
    cold: str
    needs_base: bool = True
    on_request: bool = False


IMAGES = (
    Image(
        "slipway-operator",
        "operator/Dockerfile",
        "operator",
        (*_PROJECT_FILES, "requirements/operator.txt", "operator/slipway_operator", "runtime/slipway_runtime"),
        "about 1 min the first time",
    ),
    Image(
        "slipway-serve",
        "runtime/Dockerfile",
        "serve",
        (*_PROJECT_FILES, "requirements/serve.txt", "runtime/slipway_runtime"),
        "about 1 min the first time",
    ),
    Image("slipway-store", "operator/store.Dockerfile", "store", (), "seconds", needs_base=False),
    Image(
        "slipway-train",
        "runtime/Dockerfile",
        "train",
        (*_PROJECT_FILES, "requirements/torch.txt", "requirements/train.txt", "runtime/slipway_runtime"),
        "about 6 min the first time: torch",
    ),
    Image(
        "slipway-convert",
        "runtime/Dockerfile",
        "convert",
        (*_PROJECT_FILES, "requirements/torch.txt", "requirements/convert.txt", "runtime/slipway_runtime"),
        "about 8 min the first time: torch and TensorFlow",
        on_request=True,
    ),
)
TORCH_TARGETS = frozenset({"train", "convert"})


def project_root() -> Path:
    """The checkout: the working directory or a parent of it that holds operator/ and runtime/.

    Raises:
        DevclusterError: there is none.
    """
    start = Path.cwd()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[2]):
        if (folder / "operator/Dockerfile").exists() and (folder / "runtime/Dockerfile").exists():
            return folder
    raise DevclusterError(
        f"{start} is not inside a checkout of the project: images are built from operator/ and runtime/"
    )


def input_files(root: Path, inputs: Iterable[str]) -> list[Path]:
    """Files below the inputs in a fixed order, without caches.

    Raises:
        DevclusterError: an input is missing.
    """
    found: list[Path] = []
    for name in inputs:
        path = root / name
        if not path.exists():
            raise DevclusterError(f"{path} is missing: an image needs it")
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        found += [p for p in files if p.suffix not in _SKIPPED_SUFFIXES and "__pycache__" not in p.parts]
    return found


def image_key(root: Path, image: Image, extra: Iterable[str]) -> str:
    """Content hash of an image: its Dockerfile, target, inputs with their paths, and `extra`."""
    parts = [image.target.encode(), (root / image.dockerfile).read_bytes(), *(word.encode() for word in extra)]
    for path in input_files(root, image.inputs):
        parts += [str(path.relative_to(root)).encode(), path.read_bytes()]
    return content_key(parts)


def build_images(names: Iterable[str] | None = None) -> dict[str, str]:
    """Build what is not in the store yet; returns name → reference.

    Args:
        names: images wanted; all that are not on request when None.

    Raises:
        DevclusterError: an unknown name, or a build failed (with its last lines).
    """
    wanted = list(names) if names is not None else [image.name for image in IMAGES if not image.on_request]
    unknown = set(wanted) - {image.name for image in IMAGES}
    if unknown:
        raise DevclusterError(f"no image {', '.join(sorted(unknown))}: one of {', '.join(i.name for i in IMAGES)}")
    root, buildah = project_root(), Buildah.default()
    references: dict[str, str] = {}
    with locked(cache_root() / "images.lock"):
        base = ensure_base(buildah) if any(image.needs_base for image in IMAGES if image.name in wanted) else ""
        for image in IMAGES:
            if image.name in wanted:
                references[image.name] = _ensure(buildah, root, image, base)
    return references


def build_folder(folder: Path, reference: str, arguments: Mapping[str, str]) -> None:
    """Build the Dockerfile of a folder, on top of what the store has: a user's own image.

    Args:
        folder: what goes in.
        reference: name and tag of the image.
        arguments: values of the Dockerfile's `ARG`s, such as the image to start from.

    Raises:
        DevclusterError: the build failed (with its last lines).
    """
    words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    with step(f"build {reference} from {folder}"):
        _build(Buildah.default(), reference, folder / "Dockerfile", folder, words)


def ensure_pause() -> str:
    """Have the pause image in the store."""
    buildah = Buildah.default()
    if buildah.has(PAUSE_IMAGE):
        return PAUSE_IMAGE  # without the lock, which a build of torch holds for minutes
    with locked(cache_root() / "pause-image.lock"):
        if not buildah.has(PAUSE_IMAGE):
            with step("build the pause image"):
                container = buildah.run("from", "--pull-never", "scratch").strip()
                buildah.run("copy", "--quiet", container, binaries.pause_binary(), "/pause")
                buildah.run("config", "--entrypoint", '["/pause"]', "--user", "65535:65535", container)
                buildah.run("commit", "--quiet", "--rm", container, PAUSE_IMAGE)
    return PAUSE_IMAGE


def _ensure(buildah: Buildah, root: Path, image: Image, base: str) -> str:
    index = os.environ.get(TORCH_INDEX, "") if image.target in TORCH_TARGETS else ""
    extra, options = [base, index], ["--build-arg", f"BASE={BASE}"]
    if index:
        options += ["--build-arg", f"TORCH_INDEX={index}"]
    if image.name == "slipway-store":
        gateway = binaries.binary_paths(("versitygw",))["versitygw"].parent
        extra, options = [gateway.name], ["--build-context", f"gateway={gateway}"]
    reference = f"localhost/{image.name}:{image_key(root, image, extra)}"
    if not buildah.has(reference):
        with step(f"build {image.name} ({image.cold})"):
            options += [*trust_mounts(), "--target", image.target]
            _build(buildah, reference, root / image.dockerfile, root, options)
    return reference


def _build(buildah: Buildah, reference: str, dockerfile: Path, context: Path, options: Iterable[str | Path]) -> None:
    how = ("--quiet", "--layers", "--pull-never", "--isolation=chroot", "--network=host", "--format=oci")
    buildah.run("build", *how, *options, "--file", dockerfile, "--tag", reference, context)
