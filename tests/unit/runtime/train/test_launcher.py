import json
import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.train.group import free_port
from slipway_runtime.train.launch import main

PUBLISHING = """
    import os, sys, tempfile
    from pathlib import Path
    from slipway_runtime.artifact import Signature, Task, TensorSpec, write_package
    from slipway_runtime.run.program import run_program
    from slipway_runtime.spec.summary import Metric
    from slipway_runtime.train.trainingrun import TrainingRun

    def body(context):
        run = TrainingRun.begin(context)
        run.report("training", 1, 2, {"loss": 0.5})
        if run.rank:
            return run.finished()
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "model.onnx").write_bytes(b"weights")
            tensor = TensorSpec(name="x", dtype="float32", shape=(-1, 2))
            write_package(Path(scratch), name=run.name, task=Task.REGRESSION, metrics=(Metric(name="rmse", value="2"),),
                          signature=Signature(inputs=(tensor,), outputs=(tensor,)))
            return run.publish(Path(scratch))

    sys.exit(run_program(body, os.environ))
"""

SAVING = """
    import os, sys, time
    from slipway_runtime.run.errors import Preempted
    from slipway_runtime.run.program import run_program
    from slipway_runtime.train.trainingrun import TrainingRun

    def body(context):
        run = TrainingRun.begin(context)
        print("ready", flush=True)
        while not run.stop_requested:
            time.sleep(0.01)
        run.checkpoints.save(7, b"state")
        raise Preempted("saved at step 7")

    sys.exit(run_program(body, os.environ))
"""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "termination"
    monkeypatch.setenv("SLIPWAY_TERMINATION_LOG", str(path))
    return path


def run(tmp_path: Path, source: str, *options: str, launcher: str = "torch", gate: str = "") -> int:
    program, spec = prepare(tmp_path, source, launcher, gate)
    output = str(tmp_path / "out")
    return main(["--spec", str(spec), "--output", output, *options, "--", sys.executable, str(program)])


def prepare(tmp_path: Path, source: str, launcher: str = "torch", gate: str = "") -> tuple[Path, Path]:
    program, spec = tmp_path / "program.py", tmp_path / "job.yaml"
    program.write_text(textwrap.dedent(source))
    fields = f"program: {{image: i, command: [x], launcher: {launcher}}}"
    spec.write_text(f"kind: TrainingJob\nmetadata: {{name: mine}}\nspec: {{{fields}{gate}}}\n")
    return program, spec


def last(words: Path) -> Summary:
    return Summary.model_validate_json(words.read_bytes())


@pytest.mark.parametrize("launcher", ["torch", "plain"])
def test_a_program_publishes(tmp_path: Path, words: Path, launcher: str) -> None:
    assert run(tmp_path, PUBLISHING, launcher=launcher) == 0
    summary = last(words)
    assert summary.outcome is Outcome.PUBLISHED
    assert summary.artifact is not None
    assert json.loads((tmp_path / "out" / "slipway.json").read_bytes())["name"] == "mine"


def test_two_ranks_publish_once(tmp_path: Path, words: Path) -> None:
    assert run(tmp_path, PUBLISHING, "--processes", "2") == 0
    assert last(words).artifact is not None


def test_a_gate_refuses_a_programs_model(tmp_path: Path, words: Path) -> None:
    gate = ', gate: {metrics: [{name: rmse, max: "1.5"}]}'
    assert run(tmp_path, PUBLISHING, gate=gate) == 65
    assert "rmse is 2, above the bound max 1.5" in last(words).message
    assert not (tmp_path / "out" / "slipway.json").exists()


def test_every_rank_gets_the_variables_of_torch(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CPUS", "4")
    names = ["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "OMP_NUM_THREADS"]
    source = f"""
        import os, pathlib
        rank = os.environ["RANK"]
        text = " ".join(os.environ[name] for name in {names!r})
        pathlib.Path({str(tmp_path)!r}, "rank" + rank).write_text(text)
    """
    assert run(tmp_path, source, "--processes", "2") == 64  # nothing was published
    assert (tmp_path / "rank0").read_text() == "0 0 2 2 127.0.0.1 2"
    assert (tmp_path / "rank1").read_text() == "1 1 2 2 127.0.0.1 2"
    assert "published nothing" in last(words).message


def test_a_plain_program_gets_no_rank(tmp_path: Path, words: Path) -> None:
    source = "import os, sys; sys.exit(3 if 'LOCAL_RANK' in os.environ else 4)"
    assert run(tmp_path, source, launcher="plain") == 4
    assert last(words).outcome is Outcome.CRASHED


def test_the_first_failing_rank_gives_code_and_line(tmp_path: Path, words: Path) -> None:
    source = """
        import os, sys, time
        if os.environ["RANK"] == "1":
            print("ValueError: rank one cannot", flush=True)
            sys.exit(42)
        time.sleep(600)
    """
    assert run(tmp_path, source, "--processes", "2") == 42
    assert last(words).message == "rank 1 ended with exit code 42: ValueError: rank one cannot"


def test_a_killed_rank_is_a_crash(tmp_path: Path, words: Path) -> None:
    source = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run(tmp_path, source) == 137
    assert "out of memory" in last(words).message


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_GRACE_SECONDS", "0.2")
    source = f"""
        import os, pathlib, signal, sys, time
        ready = pathlib.Path({str(tmp_path)!r}, "ready")
        if os.environ["RANK"] == "0":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ready.touch()
            time.sleep(600)
        while not ready.exists():
            time.sleep(0.01)
        sys.exit(9)
    """
    assert run(tmp_path, source, "--processes", "2") == 9
    assert "rank 1" in last(words).message


def test_a_command_that_does_not_exist(tmp_path: Path, words: Path) -> None:
    _, spec = prepare(tmp_path, "")
    assert main(["--spec", str(spec), "--output", str(tmp_path / "out"), "--", "/no/such/program"]) == 127
    assert "/no/such/program: cannot be started: No such file" in last(words).message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_ends_with_76(tmp_path: Path, number: signal.Signals) -> None:
    program, spec = prepare(tmp_path, SAVING)
    termination = tmp_path / "termination"
    command = [sys.executable, "-m", "slipway_runtime.train.launch", "--spec", str(spec)]
    launcher = subprocess.Popen(
        [*command, "--output", str(tmp_path / "out"), "--", sys.executable, str(program)],
        env={**os.environ, "SLIPWAY_TERMINATION_LOG": str(termination)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert launcher.stderr is not None
    with launcher, launcher.stderr as lines:
        assert any(line.strip() == "ready" for line in lines)
        launcher.send_signal(number)
        assert "saved at step 7" in lines.read()
        assert launcher.wait() == 76
    assert last(termination).outcome is Outcome.PREEMPTED
    assert (tmp_path / "out" / "checkpoints" / "1-7" / "state").read_bytes() == b"state"


def test_progress_is_served_while_it_runs(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("SLIPWAY_PROGRESS_PORT", str(port))
    source = f"""
        import urllib.request
        from slipway_runtime.progress import report
        from slipway_runtime.spec.progress import Progress
        report(Progress(stage="training", step=3, total_steps=9))
        print("RuntimeError: " + urllib.request.urlopen("http://127.0.0.1:{port}/progress").read().decode())
        raise SystemExit(1)
    """
    assert run(tmp_path, source) == 1
    assert '"step":3,"totalSteps":9' in last(words).message
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/progress")


def test_a_published_run_is_not_done_again(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_RUN", "ns/trainingjob/mine/0123")
    monkeypatch.setenv("SLIPWAY_PROGRESS_PORT", str(free_port()))
    assert run(tmp_path, PUBLISHING) == 0
    first = last(words)
    assert run(tmp_path, "raise SystemExit(1)") == 0
    assert last(words) == first


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("spec: {program: {image: i}}", "program.command"),
        ("spec: {recipe: {classifier: {}}, dataset: {uri: 'builtin://iris'}}", "a command was given"),
        ("spec: [", "does not read as YAML"),
    ],
)
def test_a_bad_spec_is_64_and_says_where(tmp_path: Path, words: Path, content: str, text: str) -> None:
    spec = tmp_path / "bad.yaml"
    spec.write_text(content)
    assert main(["--spec", str(spec), "--output", str(tmp_path / "out"), "--", "true"]) == 64
    assert last(words).outcome is Outcome.CONFIG_ERROR
    assert text in last(words).message
