import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway_devcluster import process
from slipway_devcluster.errors import ComponentError, DevclusterError
from slipway_devcluster.state import Component
from slipway_devcluster.supervision import Supervisor


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[process.Identity]:
    identity = process.spawn(["sleep", "60"], log=tmp_path / "log")
    yield identity
    process.stop(identity, grace=0)


def test_stat_with_spaces_and_brackets_in_the_name() -> None:
    numbers = " ".join(str(n) for n in range(4, 23))
    assert process.parse_stat(f"12 (a b) ) c) S {numbers}") == ("S", 22)


def test_a_process_is_known_until_it_ends(sleeper: process.Identity) -> None:
    assert process.alive(sleeper)
    process.stop(sleeper)
    assert not process.alive(sleeper)
    assert process.identify(sleeper.pid) is None


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot": "another boot"}])
def test_a_recycled_pid_is_never_signalled(sleeper: process.Identity, change: dict[str, object]) -> None:
    recycled = sleeper.model_copy(update=change)
    assert not process.alive(recycled)
    assert process.send(recycled, signal.SIGKILL) is False
    process.stop(recycled)
    assert process.alive(sleeper)


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    identity = process.spawn(
        ["sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 0.05; done"], log=tmp_path / "log"
    )
    while not ready.exists():
        assert process.alive(identity)
    process.stop(identity, grace=0.2)
    assert not process.alive(identity)


def test_spawned_processes_have_a_session_of_their_own(sleeper: process.Identity) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_spawned_processes_hold_no_lock_of_whoever_started_them(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)  # noqa: FBT003 - its only parameter
        assert lock.fileno() in process.inherited()
        started = process.spawn(["sleep", "60"], log=tmp_path / "log")
    try:
        files = {str(path.readlink()) for path in Path(f"/proc/{started.pid}/fd").iterdir()}
        assert files == {"/dev/null", str(tmp_path / "log")}
    finally:
        process.stop(started, grace=0)


def test_a_dead_component_is_reported_with_the_tail_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "processes")
    argv = ("sh", "-c", "echo one; echo the reason >&2; exit 3")
    supervisor.start(Component(name="broken", argv=argv, log=tmp_path / "broken.log"))
    with pytest.raises(ComponentError, match=r"broken ended; tail of .*broken.log:\none\nthe reason"):
        supervisor.wait_ready("broken", lambda: False, seconds=30)


def test_a_component_that_never_answers_is_reported_with_what_was_awaited(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "processes")
    supervisor.start(Component(name="mute", argv=("sleep", "60"), log=tmp_path / "mute.log"))
    try:
        with pytest.raises(DevclusterError, match=r"no answer from mute after 0 s\ntail of .*mute.log"):
            supervisor.wait_ready("mute", lambda: False, seconds=0)
    finally:
        supervisor.stop("mute", grace=0)
    assert supervisor.known() == []


def test_start_is_idempotent_and_restart_uses_what_was_started(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "processes")
    component = Component(name="one", argv=("sleep", "60"), log=tmp_path / "log")
    try:
        assert supervisor.start(component) is True
        assert supervisor.start(component) is False
        supervisor.stop("one", grace=0, forget=False)
        assert not supervisor.running("one")
        supervisor.restart("one")
        assert supervisor.running("one")
    finally:
        supervisor.stop("one", grace=0)
    with pytest.raises(DevclusterError, match="no component 'two'"):
        supervisor.restart("two")
