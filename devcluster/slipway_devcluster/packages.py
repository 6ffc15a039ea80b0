"""Install the Debian packages a node needs, if they are missing."""

import shutil

from slipway_devcluster.commands import run
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.progress import step

# Program (or file) that proves the package is there → package.
NODE_PROGRAMS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "socat": "socat",
    "ethtool": "ethtool",
}
CONTROL_PLANE_PROGRAMS = {"ip": "iproute2", "nsenter": "util-linux"}
IMAGE_PROGRAMS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "gcc": "gcc",
    "/usr/lib/x86_64-linux-gnu/libc.a": "libc6-dev",
}


def missing(programs: dict[str, str]) -> list[str]:
    """Packages whose program is not on this machine, in order, each once."""
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    absent = (package for program, package in programs.items() if shutil.which(program, mode=0, path=search) is None)
    return list(dict.fromkeys(absent))


def ensure(programs: dict[str, str]) -> None:
    """Install what is missing with apt-get.

    Raises:
        DevclusterError: packages are missing and this is no Debian or Ubuntu.
    """
    wanted = missing(programs)
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        raise DevclusterError(
            f"missing packages: {' '.join(wanted)}; install them (only apt-get is done automatically)"
        )
    with step(f"install {' '.join(wanted)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], env=quiet)
        # A new containerd must not start as the machine's own service: the nodes start theirs.
        run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted],
            env={**quiet, "RUNLEVEL": "1"},
            timeout=1200,
        )
