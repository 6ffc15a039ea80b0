"""Two launchers on one machine, as on two nodes: torch's agent, its rendezvous, and how ends travel through it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.train.group import free_port

pytest.importorskip("torch")


def start(tmp_path: Path, source: str) -> list[subprocess.Popen[str]]:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(source))
    spec = {"program": {"image": "i", "command": [sys.executable, str(program)]}}
    shared = {
        **os.environ,
        "SLIPWAY_SPEC": json.dumps(spec),
        "SLIPWAY_RUN": "ns/trainingjob/z/0123",
        "SLIPWAY_OUTPUT": str(tmp_path / "store"),
        "SLIPWAY_NODES": "2",
        "SLIPWAY_CPUS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    return [
        subprocess.Popen(
            [sys.executable, "-m", "slipway_runtime.train.launch"],
            env={
                **shared,
                "SLIPWAY_NODE_RANK": str(node),
                "SLIPWAY_PROGRESS_PORT": str(free_port()),
                "SLIPWAY_TERMINATION_LOG": str(tmp_path / f"words-{node}"),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in range(2)
    ]


def words(tmp_path: Path, node: int) -> Summary:
    return Summary.model_validate_json((tmp_path / f"words-{node}").read_bytes())


def test_a_failing_ranks_code_and_line_survive_the_agent(tmp_path: Path) -> None:
    source = """
        import os, sys
        assert os.environ["WORLD_SIZE"] == "2"
        print("ValueError: rank " + os.environ["RANK"] + " cannot")
        sys.exit(42 + int(os.environ["RANK"]))
    """
    launchers = start(tmp_path, source)
    for launcher in launchers:
        launcher.communicate()
    assert sorted(launcher.returncode for launcher in launchers) == [42, 43]
    for node, launcher in enumerate(launchers):
        assert f"ValueError: rank {launcher.returncode - 42} cannot" in words(tmp_path, node).message


def test_sigterm_reaches_the_program_once_and_its_76_comes_back(tmp_path: Path) -> None:
    source = """
        import signal, sys, time
        received = []
        signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
        print("ready", flush=True)
        while not received:
            time.sleep(0.01)
        time.sleep(0.5)  # a second signal would arrive by now
        sys.exit(76 if len(received) == 1 else 1)
    """
    launchers = start(tmp_path, source)
    for launcher in launchers:
        assert launcher.stderr is not None
        assert any(line.strip() == "ready" for line in launcher.stderr)
    for launcher in launchers:
        launcher.send_signal(signal.SIGTERM)
    for node, launcher in enumerate(launchers):
        launcher.communicate()
        assert launcher.returncode == 76
        assert words(tmp_path, node).outcome is Outcome.PREEMPTED
