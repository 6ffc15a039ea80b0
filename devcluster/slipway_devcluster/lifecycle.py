"""A cluster's life: bring it up, use it, take it down."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from slipway_devcluster import addressing, binaries, components, manifests, network, packages, teardown
from slipway_devcluster.api import answers
from slipway_devcluster.commands import require_root, run
from slipway_devcluster.control_plane import ControlPlane
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.image_load import load_image
from slipway_devcluster.images import build_folder, build_images
from slipway_devcluster.node import Node
from slipway_devcluster.paths import ClusterPaths, cache_root, locked
from slipway_devcluster.process import alive
from slipway_devcluster.progress import step
from slipway_devcluster.state import ClusterState, load_state, save
from slipway_devcluster.supervision import Supervisor
from slipway_devcluster.waiting import wait_until

# Choosing a slot and taking it (routes on the machine) must be one step for all clusters of the machine.
MACHINE_LOCK = Path("/run/slipway/lock")


class Lifecycle:
    """A cluster's life; its state is on disk, so any process may hold one of these for it."""

    def __init__(self, name: str = "dev") -> None:
        self.name = name
        self.paths = ClusterPaths.of(name)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.paths.kubeconfig

    @property
    def state(self) -> ClusterState:
        """What the cluster is made of.

        Raises:
            DevclusterError: the cluster is not up.
        """
        found = load_state(self.paths.state)
        if found is None:
            raise DevclusterError(f"no cluster {self.name!r}: start it with `slipway-devcluster up --name {self.name}`")
        return found

    def binary(self, name: str) -> Path:
        """Path of a program by name (kubectl, helm, kubeadm, coredns, versitygw …), built if need be.

        Raises:
            DevclusterError: no such program.
        """
        for build in binaries.BUILDS:
            if name in build.links:
                return binaries.binary_paths((build.name,))[name]
        raise DevclusterError(f"no program {name!r}: one of {', '.join(n for b in binaries.BUILDS for n in b.links)}")

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 600.0) -> str:
        """Run kubectl as administrator and return what it printed.

        Raises:
            CommandError: it failed; the message has what it said.
        """
        argv: list[str | Path] = [self.binary("kubectl"), "--kubeconfig", self.kubeconfig, *words]
        return run(argv, stdin=stdin, timeout=timeout)

    def up(
        self, nodes: int = 1, *, control_plane_only: bool = False, controllers: str = "*", audit: bool = False
    ) -> None:
        """Bring the cluster up, or complete it: starts only what does not run; adds nodes, removes none.

        Args:
            nodes: how many nodes, 1 to 32; ignored when `control_plane_only`.
            control_plane_only: etcd, API server and controllers, no node: pods stay Pending.
            controllers: which controllers run, in the syntax of kube-controller-manager's flag.
            audit: whether the API server writes down what ServiceAccounts ask of it (see
                `paths.audit_log`) and checks who may set owner references.

        Raises:
            DevclusterError: a component did not come up; the message has the tail of its log.
        """
        require_root()
        if not 1 <= nodes <= addressing.MAX_NODES:
            raise DevclusterError(f"nodes={nodes}: between 1 and {addressing.MAX_NODES}")
        packages.ensure(
            packages.CONTROL_PLANE_PROGRAMS if control_plane_only else packages.NODE_PROGRAMS | packages.IMAGE_PROGRAMS,
        )
        programs = binaries.binary_paths(("kubernetes",) if control_plane_only else ("kubernetes", "coredns"))
        with locked(_lock(self.name)):
            state = self._decide(nodes, control_plane_only=control_plane_only, controllers=controllers, audit=audit)
            control_plane = ControlPlane(state, self.paths, programs)
            with step(f"control plane of {self.name}"):
                control_plane.up()
            if not control_plane_only:
                self._nodes_up(state, programs)

    def down(self) -> None:
        """Remove the cluster with all its data: processes, pods, mounts, cgroups, namespaces, routes, folders."""
        require_root()
        with locked(_lock(self.name)):
            teardown.remove_cluster(self.name, self.paths)

    def node(self, name: str) -> Node:
        """A node by its name in Kubernetes (`dev-0`).

        Raises:
            DevclusterError: the cluster has no such node.
        """
        state = self.state
        names = self.nodes()
        if name not in names:
            raise DevclusterError(f"no node {name!r} in {self.name}: one of {', '.join(names) or '(none)'}")
        programs = binaries.binary_paths(("kubernetes",))
        return Node(state, self.paths, programs, names.index(name))

    def nodes(self) -> list[str]:
        """Names of the nodes."""
        state = self.state
        return [] if state.control_plane_only else [state.addresses.node_name(index) for index in range(state.nodes)]

    def build_images(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Build those of the project's images (all when None) that are not built; returns name → reference.

        Raises:
            DevclusterError: an unknown name, or a build failed (with its last lines).
        """
        packages.ensure(packages.IMAGE_PROGRAMS)
        return build_images(names)

    def build_folder(self, folder: Path, reference: str, arguments: Mapping[str, str]) -> None:
        """Build an image from the Dockerfile of a folder, with values for its `ARG`s.

        Raises:
            DevclusterError: the build failed (with its last lines).
        """
        packages.ensure(packages.IMAGE_PROGRAMS)
        build_folder(folder, reference, arguments)

    def load_images(self, references: Iterable[str], *, node: str | None = None) -> None:
        """Have images on one node, or on all."""
        for reference in references:
            self.load(reference, node=node)

    def load(self, reference: str, *, node: str | None = None) -> None:
        """Have an image on one node, or on all.

        Raises:
            DevclusterError: it was not built, or the cluster has no such node.
        """
        for name in self.nodes() if node is None else [node]:
            load_image(self.node(name).socket, reference)

    def set_capacity(self, node: str, resources: dict[str, str]) -> None:
        """Let a node advertise extended resources (`nvidia.com/gpu`: `4`); the kubelet keeps what it does not know."""
        self.node(node)
        patch = {"status": {"capacity": resources, "allocatable": resources}}
        self.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", json.dumps(patch))

    def status(self) -> dict[str, object]:
        """Components with pid and whether they run, as a JSON-able object."""
        state = load_state(self.paths.state)
        known = Supervisor(self.paths.processes).known()
        return {
            "name": self.name,
            "up": state is not None,
            "nodes": 0 if state is None or state.control_plane_only else state.nodes,
            "api": None if state is None else state.addresses.api,
            "namespaces": [] if state is None else network.namespaces(state.addresses),
            "components": {
                process.component.name: {
                    "pid": process.identity.pid,
                    "running": alive(process.identity),
                    "log": str(process.component.log),
                }
                for process in known
            },
        }

    def _nodes_up(self, state: ClusterState, programs: dict[str, Path]) -> None:
        nodes = [Node(state, self.paths, programs, index) for index in range(state.nodes)]
        with step(f"{len(nodes)} node{'s' if len(nodes) > 1 else ''} of {self.name}"):
            for node in nodes:
                node.up()
            network.route_between_nodes(state.addresses, len(nodes))
            volumes = [volume for node in nodes for volume in node.persistent_volumes()]
            self.kubectl("apply", "--server-side", "-f", "-", stdin=manifests.as_yaml(volumes))
            self._wait_nodes(nodes)
            self._wait_proxies(state, nodes)

    def _wait_proxies(self, state: ClusterState, nodes: list[Node]) -> None:
        """Return when ClusterIPs work, on every node and from the machine."""
        addresses, supervisor = state.addresses, Supervisor(self.paths.processes)
        proxies = {components.CONTROL_PLANE_PROXY: addresses.control_plane}
        proxies |= {node.component("kube-proxy"): addresses.node_address(node.index) for node in nodes}
        for name, address in proxies.items():
            url = f"http://{address}:10256/healthz"
            supervisor.wait_ready(name, partial(answers, url, self.paths.pki / "ca.crt"), seconds=60)

    def _wait_nodes(self, nodes: list[Node]) -> None:
        def ready() -> bool:
            for node in nodes:
                node.check()
            items = json.loads(self.kubectl("get", "nodes", "--output=json"))["items"]
            return {node.name for node in nodes} <= ready_nodes(items)

        def explain() -> str:
            return "\n".join(Supervisor(self.paths.processes).explain(node.component("kubelet")) for node in nodes)

        wait_until(ready, what=f"Ready of {len(nodes)} nodes", seconds=120, every=0.3, explain=explain)

    def _decide(self, nodes: int, *, control_plane_only: bool, controllers: str, audit: bool) -> ClusterState:
        state = load_state(self.paths.state)
        if state is not None:
            if state.control_plane_only != control_plane_only:
                kind = "a control plane only" if state.control_plane_only else "a cluster with nodes"
                raise DevclusterError(f"{self.name} is {kind}: `slipway-devcluster down --name {self.name}` first")
            state = state.model_copy(update={"nodes": max(nodes, state.nodes)})
            save(self.paths.state, state)
            return state
        with locked(MACHINE_LOCK):
            slot = addressing.choose_slot(self.name, network.networks_in_use())
            state = ClusterState(
                name=self.name,
                slot=slot,
                nodes=nodes,
                control_plane_only=control_plane_only,
                controllers=controllers,
                audit=audit,
            )
            save(self.paths.state, state)
            network.create_control_plane(state.addresses)
        return state


def _lock(name: str) -> Path:
    return MACHINE_LOCK.with_name(f"{name}.lock")


def ready_nodes(items: list[dict[str, Any]]) -> set[str]:
    """Names of the nodes, from the items of a list, whose condition Ready is True."""
    return {
        item["metadata"]["name"]
        for item in items
        if any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", []))
    }


def clusters() -> list[str]:
    """Names of the clusters in this cache."""
    return sorted(path.parent.name for path in (cache_root() / "clusters").glob("*/state.json"))


def as_json(value: object) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2)
