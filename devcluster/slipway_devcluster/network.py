"""Network namespaces, bridge and links of a cluster.

The control plane's namespace holds a bridge; each node's namespace is joined to it by a veth, and one uplink joins it
to the machine. No namespace has a default route, so nothing that a pod or Service does leaves the machine. The machine
reaches pods and ClusterIPs through the uplink; kube-proxy in the control plane's namespace translates the latter.
"""

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from slipway_devcluster.addressing import Addresses
from slipway_devcluster.commands import run

NETNS = Path("/run/netns")
BRIDGE = "br0"
_WIDEST_TAKEN = 9  # a wider route (a default, 10.0.0.0/8 of a cloud) only says where the rest goes
_SYSCTLS = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}


def inside(namespace: str, *argv: str) -> list[str]:
    """`argv` as run in a network namespace; not `ip netns exec`, which remounts /sys and so hides the cgroups."""
    return ["nsenter", f"--net={NETNS / namespace}", "--", *argv]


def taken_networks(routes: Sequence[dict[str, object]], resolv_conf: str) -> list[IPv4Network]:
    """Networks this machine already uses, from `ip -json route show table all` and resolv.conf."""
    words = [str(route[key]) for route in routes for key in ("dst", "gateway") if key in route]
    words += [line.split()[1] for line in resolv_conf.splitlines() if line.startswith("nameserver ")]
    networks = []
    for word in words:
        try:
            network = IPv4Network(word, strict=False)
        except ValueError:  # "default", "unreachable", an IPv6 address
            continue
        if network.prefixlen >= _WIDEST_TAKEN and not network.is_loopback:
            networks.append(network)
    return networks


def networks_in_use() -> list[IPv4Network]:
    """Networks this machine uses now."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    resolv = Path("/etc/resolv.conf")
    return taken_networks(routes, resolv.read_text() if resolv.exists() else "")


def exists(namespace: str) -> bool:
    """Whether the network namespace is there."""
    return (NETNS / namespace).exists()


def create_control_plane(addresses: Addresses) -> None:
    """The control plane's namespace with bridge and uplink, and the machine's routes; nothing if it is there."""
    namespace = addresses.namespace
    if exists(namespace):
        return
    _create_namespace(namespace)
    link = addresses.host_link
    run(["ip", "link", "add", link, "type", "veth", "peer", "name", "uplink", "netns", namespace])
    run(["ip", "address", "add", f"{addresses.host}/30", "dev", link])
    run(["ip", "link", "set", link, "up"])
    _ip(namespace, "address", "add", f"{addresses.gateway}/30", "dev", "uplink")
    _ip(namespace, "link", "set", "uplink", "up")
    _ip(namespace, "link", "add", BRIDGE, "type", "bridge")
    _ip(namespace, "address", "add", f"{addresses.control_plane}/{addresses.fabric.prefixlen}", "dev", BRIDGE)
    _ip(namespace, "link", "set", BRIDGE, "up")
    # A ClusterIP needs some route before kube-proxy's rules rewrite it on the way out.
    _ip(namespace, "route", "add", str(addresses.services), "dev", "lo")
    for network in (addresses.fabric, addresses.pods, addresses.services):
        run(["ip", "route", "add", str(network), "via", str(addresses.gateway), "dev", link])


def create_node(addresses: Addresses, index: int) -> None:
    """The namespace of node `index`, joined to the bridge, and the routes to its pods; nothing if it is there."""
    namespace = addresses.node_namespace(index)
    if exists(namespace):
        return
    _create_namespace(namespace)
    port = port_name(index)
    _ip(addresses.namespace, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip(addresses.namespace, "link", "set", port, "master", BRIDGE)
    _ip(addresses.namespace, "link", "set", port, "up")
    _ip(namespace, "address", "add", f"{addresses.node_address(index)}/{addresses.fabric.prefixlen}", "dev", "eth0")
    _ip(namespace, "link", "set", "eth0", "up")
    _ip(namespace, "route", "add", str(addresses.services), "dev", "lo")
    _ip(namespace, "route", "add", str(addresses.uplink), "via", str(addresses.control_plane))
    _ip(addresses.namespace, "route", "add", *_to_pods(addresses, index))


def route_between_nodes(addresses: Addresses, count: int) -> None:
    """Let the pods of every node reach those of every other."""
    for index in range(count):
        for other in range(count):
            if other != index:
                _ip(addresses.node_namespace(index), "route", "replace", *_to_pods(addresses, other))


def port_name(index: int) -> str:
    """The bridge's end of node `index`'s link."""
    return f"node{index}"


def set_link(addresses: Addresses, index: int, *, up: bool) -> None:
    """Cut or restore a node's link: a real partition from control plane, machine and the other nodes."""
    _ip(addresses.namespace, "link", "set", port_name(index), "up" if up else "down")


def remove(addresses: Addresses) -> None:
    """Remove namespaces, links and routes; removing a namespace removes the links in it and their other ends."""
    names = [addresses.namespace, *(path.name for path in NETNS.glob(f"{addresses.namespace}.*"))]
    for name in names:
        if exists(name):
            run(["ip", "netns", "delete", name])
    run(["ip", "link", "delete", addresses.host_link], check=False)


def namespaces(addresses: Addresses) -> list[str]:
    """Namespaces of this cluster that exist."""
    return [
        name
        for name in (addresses.namespace, *(p.name for p in NETNS.glob(f"{addresses.namespace}.*")))
        if exists(name)
    ]


def _to_pods(addresses: Addresses, index: int) -> tuple[str, str, str]:
    via: IPv4Address = addresses.node_address(index)
    return (str(addresses.node_pods(index)), "via", str(via))


def _create_namespace(namespace: str) -> None:
    run(["ip", "netns", "add", namespace])
    _ip(namespace, "link", "set", "lo", "up")
    script = "\n".join(f"echo {value} > /proc/sys/net/{key}" for key, value in _SYSCTLS.items())
    run(inside(namespace, "sh", "-c", script))


def _ip(namespace: str, *words: str) -> None:
    run(["ip", "-netns", namespace, *words])
