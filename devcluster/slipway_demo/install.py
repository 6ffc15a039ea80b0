"""A cluster with Slipway on it: the one given by KUBECONFIG, or a devcluster with images built here."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway_devcluster import Cluster
from slipway_devcluster.commands import run

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "slipway"
SYSTEM_NAMESPACE = "slipway-system"
RELEASE = "slipway"
IMAGES = ("slipway-operator", "slipway-serve", "slipway-train", "slipway-store")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what a long step does, and how long it took."""
    print(f"\033[1m==>\033[0m {title}", flush=True)
    begun = time.monotonic()
    yield
    print(f"    done in {time.monotonic() - begun:.1f} s", flush=True)


@dataclass(frozen=True)
class Target:
    """A cluster to install on, and the programs to talk to it."""

    kubeconfig: Path
    kubectl: str
    helm: str
    images: dict[str, str]
    """Reference of each image by its name; empty for the chart's own."""
    cluster: Cluster | None

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run kubectl and return what it printed.

        Raises:
            CommandError: with what kubectl said.
        """
        return self._call([self.kubectl, *arguments], stdin, timeout)

    def get(self, *arguments: str) -> Any:
        """Read objects as parsed JSON."""
        return json.loads(self.run("get", *arguments, "-o", "json"))

    def install(self, values: Sequence[str] = ()) -> None:
        """Install or upgrade the chart and wait until its pods are ready.

        Raises:
            CommandError: with what helm said.
        """
        command = [self.helm, "upgrade", "--install", RELEASE, str(CHART), "--namespace", SYSTEM_NAMESPACE]
        command += ["--create-namespace", "--wait", "--timeout", "5m"]
        for name, reference in self.images.items():
            repository, _, tag = reference.rpartition(":")
            short = name.removeprefix("slipway-")
            command += [
                "--set-string",
                f"images.{short}.repository={repository}",
                "--set-string",
                f"images.{short}.tag={tag}",
            ]
        for value in values:
            command += ["--set", value]
        self._call(command, None, 400)

    def test(self) -> str:
        """Run the chart's test pod and return what helm printed.

        Raises:
            CommandError: the pod failed.
        """
        command = [self.helm, "test", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--timeout", "2m"]
        return self._call(command, None, 150)

    def uninstall(self) -> None:
        """Remove the release; objects and their definitions stay.

        Raises:
            CommandError: with what helm said.
        """
        self._call([self.helm, "uninstall", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--wait"], None, 180)

    def _call(self, command: Sequence[str], stdin: str | None, timeout: float) -> str:
        return run(command, stdin=stdin, timeout=timeout, env={"KUBECONFIG": str(self.kubeconfig)})


def given_cluster() -> Target | None:
    """The cluster of ``KUBECONFIG``, with ``kubectl`` and ``helm`` from PATH; None when it is not set.

    Images come from ``SLIPWAY_REGISTRY`` and ``SLIPWAY_TAG`` when set, else from the chart's values.
    """
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        return None
    registry, tag = os.environ.get("SLIPWAY_REGISTRY"), os.environ.get("SLIPWAY_TAG", "latest")
    images = {name: f"{registry}/{name}:{tag}" for name in IMAGES} if registry else {}
    return Target(Path(kubeconfig), "kubectl", "helm", images, None)


def own_cluster(name: str, nodes: int = 1) -> Target:
    """Bring up a devcluster, build the images and load each where it may run."""
    cluster = Cluster(name)
    with step(f"Cluster {name}: {nodes} node(s) of a real Kubernetes"):
        cluster.up(nodes=nodes)
    with step("Container images (a first build takes about ten minutes)"):
        images = cluster.build_images(IMAGES)
    with step("Load the images into the node(s)"):
        cluster.load_images(images.values())
    return Target(cluster.kubeconfig, str(cluster.binary("kubectl")), str(cluster.binary("helm")), images, cluster)
