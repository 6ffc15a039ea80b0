from pathlib import Path

import pytest

from slipway_devcluster.cgroups import hierarchies
from slipway_devcluster.cli import main, parse_resources
from slipway_devcluster.cluster import running_container
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.lifecycle import ready_nodes


def test_resources() -> None:
    assert parse_resources(["nvidia.com/gpu=4", "a=0"]) == {"nvidia.com/gpu": "4", "a": "0"}


@pytest.mark.parametrize("word", ["nvidia.com/gpu", "=4", "a=", "a=-1", "a=x"])
def test_bad_resources_show_the_form(word: str) -> None:
    with pytest.raises(DevclusterError, match="write RESOURCE=COUNT"):
        parse_resources([word])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["kubelet", "stop", "dev-0", "--name", "absent"], "slipway-devcluster up --name absent"),
        (["status", "--name", "Bad_Name"], "1 to 20"),
        (["kill-container", "dev-0"], "give NODE and CONTAINER-ID"),
        (["kill-container", "--pod", "web"], "write NAMESPACE/NAME"),
    ],
)
def test_errors_say_what_to_do(
    argv: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path))
    assert main(argv) == 1
    assert message in capsys.readouterr().err


def test_a_pods_container_is_found_by_name_or_is_the_first() -> None:
    running = {"name": "b", "containerID": "containerd://id-b", "state": {"running": {}}}
    ended = {"name": "a", "containerID": "containerd://id-a", "state": {"terminated": {}}}
    pod: dict[str, object] = {
        "spec": {"nodeName": "dev-0", "containers": [{"name": "a"}, {"name": "b"}]},
        "status": {"phase": "Running", "containerStatuses": [running, ended]},
    }
    assert running_container(pod, "b") == ("dev-0", "id-b")
    with pytest.raises(DevclusterError, match="'a' does not run"):
        running_container(pod, None)


def test_ready_nodes() -> None:
    def node(name: str, status: str) -> dict[str, object]:
        return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status}]}}

    new: dict[str, object] = {"metadata": {"name": "new"}, "status": {}}
    assert ready_nodes([node("a", "True"), node("b", "Unknown"), new]) == {"a"}


def test_cgroup_hierarchies(tmp_path: Path) -> None:
    one, two = tmp_path / "v1", tmp_path / "v2"
    for name in ("cpu", "memory", "unified"):
        (one / name).mkdir(parents=True)
    (one / "cpuacct").symlink_to("cpu")
    two.mkdir()
    (two / "cgroup.controllers").write_text("cpu memory")
    assert [path.name for path in hierarchies(one)] == ["cpu", "memory"]
    assert hierarchies(two) == [two]
