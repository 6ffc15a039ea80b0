"""The base image: the public one where a registry answers, else a slim stand-in of that name from Debian packages."""

import shutil
import subprocess
from pathlib import Path

from slipway_devcluster.buildah import Buildah
from slipway_devcluster.commands import run
from slipway_devcluster.errors import CommandError, DevclusterError
from slipway_devcluster.progress import say, step

BASE = "docker.io/library/python:3.11-slim-bookworm"
SUITE = "bookworm"  # its Python is 3.11
PACKAGES = ("python3", "python3-venv", "ca-certificates")
_PULL_SECONDS = 60
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a container never reads: documentation, translations, package lists and archives, build logs.
_DROPPED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
)


def ensure_base(buildah: Buildah) -> str:
    """Have the base image in the store; returns its image id, which goes into the keys of what is built on it."""
    if not buildah.has(BASE):
        try:
            with step(f"pull {BASE}"):
                buildah.run("pull", "--quiet", "--retry", "0", BASE, timeout=_PULL_SECONDS)
        except CommandError as error:
            say(
                f"  no registry answers ({str(error).splitlines()[-1][:160]}); "
                "no harm: a stand-in is built from Debian packages"
            )
            with step(f"build the stand-in of {BASE} (about 2 min)"):
                _stand_in(buildah)
    return buildah.run("images", "--quiet", "--no-trunc", BASE).strip()


def mirror() -> str:
    """The Debian mirror this machine's apt uses.

    Raises:
        DevclusterError: apt has no source for the suite.
    """
    sites = run(["apt-get", "indextargets", "--format", "$(SITE)", f"Codename: {SUITE}", "Created-By: Packages"])
    if not sites.strip():
        # A machine of another release may still have a mirror of the archive that holds this suite too.
        sites = run(["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian", "Created-By: Packages"])
    if not sites.strip():
        raise DevclusterError(f"apt knows no Debian mirror: add one for {SUITE}, or make {BASE} pullable")
    return sites.split()[0]


def _stand_in(buildah: Buildah) -> None:
    container = buildah.run("from", "--pull-never", "scratch").strip()
    try:
        root = Path(buildah.run("mount", container).strip())
        include = f"--include={','.join(PACKAGES)}"
        run(["debootstrap", "--variant=minbase", include, SUITE, root, mirror()], timeout=1800)
        for folder in _DROPPED:
            shutil.rmtree(root / folder, ignore_errors=True)
            (root / folder).mkdir(parents=True, exist_ok=True)
        for path in (root / "etc/resolv.conf", root / "etc/hostname", root / "etc/machine-id"):
            path.unlink(missing_ok=True)
        buildah.run("umount", container)
        buildah.run("config", "--cmd", "python3", "--env", f"PATH={_PATH}", "--env", "LANG=C.UTF-8", container)
        buildah.run("commit", "--quiet", container, BASE)
    except (CommandError, DevclusterError, subprocess.SubprocessError):
        buildah.run("rm", container, check=False)
        raise
    buildah.run("rm", container)
