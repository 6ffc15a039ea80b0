from ipaddress import IPv4Network
from itertools import combinations

import pytest

from slipway_devcluster.addressing import MAX_NODES, SLOTS, Addresses, choose_slot, preferred_slot
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.network import port_name, taken_networks
from slipway_devcluster.paths import check_name


def test_slots_share_no_address_and_stay_private() -> None:
    private = IPv4Network("10.0.0.0/8")
    networks = [network for slot in range(SLOTS) for network in Addresses("x", slot).networks]
    assert all(network.subnet_of(private) for network in networks)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


def test_everything_of_a_cluster_is_inside_its_networks() -> None:
    addresses = Addresses("dev", 7)
    assert addresses.uplink.subnet_of(addresses.links)
    assert addresses.fabric.subnet_of(addresses.links)
    assert not addresses.uplink.overlaps(addresses.fabric)
    assert addresses.dns in addresses.services
    assert {addresses.host, addresses.gateway} == set(addresses.uplink.hosts())
    for index in range(MAX_NODES):
        assert addresses.node_address(index) in addresses.fabric
        assert addresses.node_pods(index).subnet_of(addresses.pods)
    assert addresses.control_plane not in {addresses.node_address(index) for index in range(MAX_NODES)}


@pytest.mark.parametrize("slot", [0, 9, 10, SLOTS - 1])
def test_interface_names_fit_the_kernel(slot: int) -> None:
    addresses = Addresses("a" * 20, slot)
    assert len(addresses.host_link) <= 15
    assert len(port_name(MAX_NODES - 1)) <= 15


def test_namespaces_of_a_cluster_and_of_a_node_never_clash() -> None:
    assert Addresses("dev", 0).node_namespace(0) != Addresses("dev-0", 1).namespace


def test_slot_is_stable_and_moves_on_when_taken() -> None:
    first = preferred_slot("dev")
    assert choose_slot("dev", []) == first
    assert choose_slot("dev", Addresses("other", first).networks) == (first + 1) % SLOTS
    assert choose_slot("dev", [IPv4Network(f"10.{64 + first}.3.0/24")]) == (first + 1) % SLOTS


def test_no_free_slot_names_the_remedy() -> None:
    with pytest.raises(DevclusterError, match="slipway-devcluster down"):
        choose_slot("dev", [IPv4Network("10.0.0.0/8")])


def test_taken_networks_ignore_what_only_says_where_the_rest_goes() -> None:
    routes: list[dict[str, object]] = [
        {"dst": "default", "gateway": "192.0.2.1"},
        {"dst": "10.0.0.0/8", "gateway": "192.0.2.9"},
        {"dst": "10.70.0.0/16"},
        {"dst": "127.0.0.0/8"},
        {"dst": "10.71.0.5"},
    ]
    found = taken_networks(routes, "search x\nnameserver 10.80.0.2\nnameserver fd00::1\n")
    assert [str(network) for network in found] == [
        "192.0.2.1/32",
        "192.0.2.9/32",
        "10.70.0.0/16",
        "10.71.0.5/32",
        "10.80.0.2/32",
    ]


@pytest.mark.parametrize("name", ["a", "dev", "a-b", "test-12", "a" * 20])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "1a", "a.b", "a/b", "..", "a" * 21, "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(DevclusterError, match="1 to 20"):
        check_name(name)
