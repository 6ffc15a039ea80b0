"""PID 1 of a training pod, and ``slipway-train`` on a shell: starts processes, watches them, has the last word."""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from slipway_runtime.artifact import ArtifactError
from slipway_runtime.artifact.fetch import read_manifest
from slipway_runtime.progress import PROGRESS_ENV
from slipway_runtime.progress.server import ProgressServer
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.program import describe as describe_error
from slipway_runtime.run.termination import write_termination
from slipway_runtime.spec.exit import ExitCode
from slipway_runtime.spec.progress import PROGRESS_PORT
from slipway_runtime.spec.summary import ArtifactRef, Outcome, Summary
from slipway_runtime.spec.train import Launcher, TrainSpec
from slipway_runtime.storage.errors import StoreError
from slipway_runtime.train.agent import AgentGroup
from slipway_runtime.train.console import Console
from slipway_runtime.train.ending import Verdict, verdict
from slipway_runtime.train.group import Group, LocalGroup, Work, visible_gpus
from slipway_runtime.train.logs import FORMAT_ENV
from slipway_runtime.train.plain import PlainGroup
from slipway_runtime.train.topology import Topology, topology
from slipway_runtime.train.trainingrun import NAME_ENV, describe

GRACE_ENV = "SLIPWAY_GRACE_SECONDS"
PORT_ENV = "SLIPWAY_PROGRESS_PORT"
DEFAULT_GRACE_SECONDS = 25
"""Fits into Kubernetes' default terminationGracePeriodSeconds of 30."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Launch:
    """What is to be launched: a spec, and the name of the artifact it makes."""

    context: RunContext
    spec: TrainSpec
    name: str

    @property
    def command(self) -> tuple[str, ...]:
        """What every process runs: the user's program, or a bundled recipe."""
        program = self.spec.program
        if program is None:
            return (sys.executable, "-m", "slipway_runtime.train.worker")
        return (*program.command, *program.args)


def launch(what: Launch, environment: Mapping[str, str]) -> int:
    """Run a training to its end; returns the exit code of the first failing rank, or 0.

    The termination message is written, the last log line says how it ended. On SIGTERM or SIGINT the processes get
    SIGTERM and ``SLIPWAY_GRACE_SECONDS`` (25) to save, then SIGKILL.
    """
    try:
        existing = what.context.existing_result()
        ended = Verdict(0, existing.summary) if existing else _run(what, environment)
        if ended.code == 0 and (ended.summary is None or ended.summary.artifact is None):
            ended = Verdict(0, _published(what, ended.summary))
    except Exception as error:  # noqa: BLE001 - whatever happened, the pod's last words must say it
        summary, code = describe_error(error)
        if summary.outcome is Outcome.CRASHED:
            _log.exception("launcher crashed")
        ended = Verdict(code, summary)
    return last_words(what.context.termination_log, ended)


def _run(what: Launch, environment: Mapping[str, str]) -> Verdict:
    nodes = topology(environment, visible_gpus(environment))
    grace = float(environment.get(GRACE_ENV) or DEFAULT_GRACE_SECONDS)
    with tempfile.TemporaryDirectory(prefix="slipway-launch-") as scratch, contextlib.ExitStack() as stack:
        directory = Path(scratch)
        progress = directory / "progress.json"
        console = stack.enter_context(Console(progress))
        if nodes.node_rank == 0 and (what.context.key is not None or PORT_ENV in environment):
            _serve_progress(stack, progress, int(environment.get(PORT_ENV) or PROGRESS_PORT))
        work = Work(
            command=what.command,
            environment=_environment(what, environment, progress, interactive=console.interactive),
            directory=directory,
            sink=console.line,
            grace_seconds=grace,
        )
        group = _group(what, work, nodes)
        with _forwarding_signals(group, grace):
            return verdict(group.run())


def _serve_progress(stack: contextlib.ExitStack, progress: Path, port: int) -> None:
    try:
        stack.enter_context(ProgressServer(progress, port))
    except OSError as error:
        # Nobody sees the progress, but the training is worth more than its display.
        _log.warning("progress is not served", extra={"port": port, "error": str(error)})


def _environment(what: Launch, environment: Mapping[str, str], progress: Path, *, interactive: bool) -> dict[str, str]:
    shared = {
        **environment,
        "PYTHONUNBUFFERED": "1",
        "SLIPWAY_SPEC": what.spec.model_dump_json(by_alias=True, exclude_none=True),
        NAME_ENV: what.name,
        PROGRESS_ENV: str(progress),
        FORMAT_ENV: "console" if interactive else "json",
    }
    if what.context.output:
        shared["SLIPWAY_OUTPUT"] = what.context.output
    return shared


def _group(what: Launch, work: Work, nodes: Topology) -> Group:
    program = what.spec.program
    if program is not None and program.launcher is Launcher.PLAIN:
        return PlainGroup(work, nodes)
    if nodes.nodes == 1:
        return LocalGroup(work, nodes)
    run = what.context.key.prefix if what.context.key else what.name
    return AgentGroup(work, nodes, f"{run.replace('/', '-')}-{what.context.attempt}")  # names a folder, too


@contextlib.contextmanager
def _forwarding_signals(group: Group, grace: float) -> Iterator[None]:
    """While inside, SIGTERM and SIGINT stop the group with a grace."""
    timers: list[threading.Timer] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        _log.info("stopping", extra={"signal": signal.Signals(number).name, "grace_seconds": grace})
        group.send(signal.SIGTERM)
        if not timers:
            timer = threading.Timer(grace, group.send, [signal.SIGKILL])
            timer.daemon = True
            timer.start()
            timers.append(timer)
        group.interrupt()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()


def _published(what: Launch, told: Summary | None) -> Summary:
    """The artifact of a program that ended well but left no Summary; raises ConfigError when there is none."""
    context = what.context
    if existing := context.existing_result():
        return existing.summary
    if context.key is None and context.output:
        try:
            manifest = read_manifest(context.output, context.mounts)
        except (ArtifactError, StoreError):
            pass
        else:
            artifact = ArtifactRef(
                uri=context.output, digest=manifest.digest, size_bytes=manifest.size_bytes, metrics=manifest.metrics
            )
            return Summary(outcome=Outcome.PUBLISHED, message=describe(manifest), artifact=artifact)
    if told is not None and int(os.environ.get("SLIPWAY_NODE_RANK", "0")) > 0:
        return told  # rank 0 publishes, and it is on another node
    raise ConfigError(
        "the program ended with exit code 0 but published nothing: call TrainingRun.publish(package) on rank 0"
    )


def last_words(termination: Path | None, ended: Verdict) -> int:
    """Write the termination message and the last log line; returns the exit code."""
    summary = ended.summary or Summary(outcome=Outcome.PUBLISHED)
    write_termination(termination, summary)
    fields: dict[str, object] = {"outcome": summary.outcome.value, "exitCode": ended.code}
    if summary.artifact is not None:
        fields.update(digest=summary.artifact.digest, uri=summary.artifact.uri, bytes=summary.artifact.size_bytes)
    level = logging.INFO if ended.code in {ExitCode.DONE, ExitCode.PREEMPTED} else logging.ERROR
    _log.log(level, summary.message or "done", extra=fields)
    return ended.code
