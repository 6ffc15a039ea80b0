"""Remove everything a cluster left on the machine. Works from names, so also after an `up` that failed half-way."""

import shutil
from pathlib import Path

from slipway_devcluster import cgroups, network
from slipway_devcluster.node import PRIVATE
from slipway_devcluster.paths import ClusterPaths
from slipway_devcluster.state import load_state
from slipway_devcluster.supervision import Supervisor


def remove_cluster(name: str, paths: ClusterPaths) -> None:
    """Kill its processes and pods, then remove cgroups, namespaces, links, routes and folders."""
    supervisor = Supervisor(paths.processes)
    # The kubelets first: they would start again what is killed after them.
    order = sorted(supervisor.known(), key=lambda process: not process.component.name.startswith("kubelet"))
    for process in order:
        supervisor.stop(process.component.name, grace=0)
    for cgroup in cgroups.find(f"slipway-{name}."):
        cgroups.kill_all(cgroup)
        cgroups.remove(cgroup)
    state = load_state(paths.state)
    if state is not None:
        network.remove(state.addresses)
    for folder in (paths.root, paths.run):
        if folder.exists():
            shutil.rmtree(folder)
    _remove_mount_points(paths.root.parent)


def _remove_mount_points(clusters: Path) -> None:
    """The fixed folders that nodes mount theirs on: ours to remove when empty and no other cluster may use them."""
    if any(clusters.glob("*/state.json")):
        return
    for fixed in PRIVATE:
        try:
            Path(fixed).rmdir()
        except OSError:  # not empty, or not there: someone else's
            continue
