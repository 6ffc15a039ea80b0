"""Names and networks of a cluster, derived from its name.

A cluster owns one of 64 slots; slot `s` owns three private /16 networks, so clusters never share an address, and every
port can be the standard one because each cluster has namespaces of its own.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from slipway_devcluster.errors import DevclusterError

SLOTS = 64
MAX_NODES = 32
API_PORT = 6443


@dataclass(frozen=True)
class Addresses:
    """All addresses of one cluster."""

    name: str
    slot: int

    @property
    def pods(self) -> IPv4Network:
        """Pod network; node `i` owns the i-th /24."""
        return IPv4Network(f"10.{64 + self.slot}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        """ClusterIP network."""
        return IPv4Network(f"10.{128 + self.slot}.0.0/16")

    @property
    def links(self) -> IPv4Network:
        """Everything between machine, control plane and nodes."""
        return IPv4Network(f"10.{192 + self.slot}.0.0/16")

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        """The three networks a slot owns."""
        return (self.pods, self.services, self.links)

    @property
    def uplink(self) -> IPv4Network:
        """Link between the machine and the control plane's namespace."""
        return IPv4Network(f"10.{192 + self.slot}.0.0/30")

    @property
    def host(self) -> IPv4Address:
        """The machine, as pods and the API server see it."""
        return self.uplink[1]

    @property
    def gateway(self) -> IPv4Address:
        """The control plane's end of the uplink."""
        return self.uplink[2]

    @property
    def fabric(self) -> IPv4Network:
        """Bridge that joins control plane and nodes."""
        return IPv4Network(f"10.{192 + self.slot}.1.0/24")

    @property
    def control_plane(self) -> IPv4Address:
        """API server and DNS."""
        return self.fabric[1]

    @property
    def dns(self) -> IPv4Address:
        """ClusterIP of kube-dns."""
        return self.services[10]

    @property
    def api(self) -> str:
        """URL of the API server."""
        return f"https://{self.control_plane}:{API_PORT}"

    @property
    def host_link(self) -> str:
        """Interface on the machine; at most 15 characters by the slot's two digits."""
        return f"slipway{self.slot}"

    @property
    def namespace(self) -> str:
        """Network namespace of the control plane."""
        return f"slipway-{self.name}"

    def node_name(self, index: int) -> str:
        """Name of node `index` in Kubernetes and on the command line."""
        return f"{self.name}-{index}"

    def node_namespace(self, index: int) -> str:
        """Network namespace and cgroup of node `index`; no cluster name has a dot, so none clashes."""
        return f"slipway-{self.name}.{index}"

    def node_address(self, index: int) -> IPv4Address:
        """InternalIP of node `index`."""
        return self.fabric[10 + index]

    def node_pods(self, index: int) -> IPv4Network:
        """Pod network of node `index`."""
        return IPv4Network(f"10.{64 + self.slot}.{index}.0/24")


def preferred_slot(name: str) -> int:
    """The slot a name hashes to."""
    return zlib.crc32(name.encode()) % SLOTS


def choose_slot(name: str, taken: Iterable[IPv4Network]) -> int:
    """The preferred slot, or the next one whose networks touch none of `taken`.

    Raises:
        DevclusterError: every slot touches a network in use.
    """
    used = tuple(taken)
    first = preferred_slot(name)
    for step in range(SLOTS):
        slot = (first + step) % SLOTS
        networks = Addresses(name, slot).networks
        if not any(network.overlaps(other) for network in networks for other in used):
            return slot
    raise DevclusterError(
        f"all {SLOTS} address slots are in use: remove a cluster with `slipway-devcluster down --name …`"
    )
