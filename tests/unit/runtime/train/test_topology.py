import pytest

from slipway_runtime.run.errors import ConfigError
from slipway_runtime.train.topology import Topology, thread_settings, topology


@pytest.mark.parametrize(
    ("environment", "gpus", "expected"),
    [
        ({}, 0, Topology(1, 0, 1, "127.0.0.1", 29500, None)),
        ({"SLIPWAY_CPUS": "0.5"}, 0, Topology(1, 0, 1, "127.0.0.1", 29500, 1)),
        ({"SLIPWAY_CPUS": "7.9", "SLIPWAY_PROCESSES_PER_NODE": "2"}, 0, Topology(1, 0, 2, "127.0.0.1", 29500, 3)),
        ({"SLIPWAY_PROCESSES_PER_NODE": "auto"}, 4, Topology(1, 0, 4, "127.0.0.1", 29500, None)),
        (
            {"SLIPWAY_NODES": "3", "SLIPWAY_NODE_RANK": "2", "MASTER_ADDR": "j-0.j", "MASTER_PORT": "1"},
            0,
            Topology(3, 2, 1, "j-0.j", 1, None),
        ),
    ],
)
def test_topology_of_an_environment(environment: dict[str, str], gpus: int, expected: Topology) -> None:
    assert topology(environment, gpus) == expected


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SLIPWAY_NODES": "two"}, "SLIPWAY_NODES is 'two'"),
        ({"SLIPWAY_NODES": "0"}, "SLIPWAY_NODES is 0"),
        ({"SLIPWAY_NODES": "2", "SLIPWAY_NODE_RANK": "2"}, "SLIPWAY_NODE_RANK is 2"),
        ({"SLIPWAY_PROCESSES_PER_NODE": "-1"}, "SLIPWAY_PROCESSES_PER_NODE is -1"),
        ({"SLIPWAY_CPUS": "500m"}, "SLIPWAY_CPUS is '500m'"),
    ],
)
def test_a_senseless_variable_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        topology(environment, 0)


@pytest.mark.parametrize(
    ("master", "rank", "expected"),
    [
        ("digits-ab12-1-0.digits-ab12", 3, "digits-ab12-1-3.digits-ab12"),
        ("job-0.svc.ns.svc.cluster.local", 1, "job-1.svc.ns.svc.cluster.local"),
        ("127.0.0.1", 1, None),
        ("host", 1, None),
    ],
)
def test_own_address_follows_from_the_masters(master: str, rank: int, expected: str | None) -> None:
    assert Topology(4, rank, 1, master, 29500, None).own_address == expected


def test_thread_settings_reach_every_library() -> None:
    assert thread_settings(None) == {}
    assert thread_settings(3) == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
