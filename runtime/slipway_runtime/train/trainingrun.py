"""What a training program, bundled or a user's own, needs from its surroundings."""

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from slipway_runtime.artifact import Manifest, read_package
from slipway_runtime.metrics import decimal
from slipway_runtime.progress import report
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import GateRefused
from slipway_runtime.spec.progress import Progress, ProgressMetric
from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.spec.train import TrainSpec
from slipway_runtime.train.checkpoints import Checkpoints
from slipway_runtime.train.gate import enforce

NAME_ENV = "SLIPWAY_NAME"


@dataclass(frozen=True)
class TrainingRun:
    """One process of a training.

    ``name`` is what the artifact is called. ``rank`` and ``world_size`` say which of how many processes this is.
    """

    context: RunContext
    spec: TrainSpec
    name: str = "model"
    rank: int = 0
    world_size: int = 1
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @classmethod
    def begin(cls, context: RunContext, environment: Mapping[str, str] = os.environ) -> Self:
        """The run that the launcher started this process for; from now on SIGTERM only sets ``stop_requested``.

        Call it from the main thread. Raises ConfigError when the spec does not read.
        """
        run = cls(
            context=context,
            spec=context.parse_spec(TrainSpec),
            name=context.key.name if context.key else environment.get(NAME_ENV, "model"),
            rank=int(environment.get("RANK", "0")),
            world_size=int(environment.get("WORLD_SIZE", "1")),
        )

        def request_stop(number: int, frame: FrameType | None) -> None:
            del number, frame
            run._stop.set()

        signal.signal(signal.SIGTERM, request_stop)
        return run

    @property
    def stop_requested(self) -> bool:
        """Whether this process should save a checkpoint and raise ``Preempted``."""
        return self._stop.is_set()

    @property
    def checkpoints(self) -> Checkpoints:
        """Where progress is saved, and where an earlier attempt's progress is found."""
        return Checkpoints.of(self.context, self.spec.checkpoint.keep)

    def report(
        self, stage: str, step: int = 0, total_steps: int = 0, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Tell the launcher, and through it ``kubectl get``, how far the training is. Cheap enough for every step."""
        shown = tuple(ProgressMetric(name=name, value=decimal(value)) for name, value in (metrics or {}).items())
        report(Progress(stage=stage, step=step, total_steps=total_steps, metrics=shown))

    def publish(self, package: Path) -> Summary:
        """Publish a package written by ``write_package``, if the metrics in its manifest pass ``spec.gate``.

        Call it on rank 0 only; the other ranks return ``finished()``. Raises GateRefused with nothing of this run left
        in the store, StoreError when the store refuses.
        """
        manifest = read_package(package)
        try:
            enforce(self.spec.gate, manifest.metrics)
        except GateRefused:
            self.checkpoints.clear()  # the run is over, and a refused model's weights must not be lying around
            raise
        summary = self.context.publish(package, message=describe(manifest))
        self.checkpoints.clear()
        return summary

    def finished(self) -> Summary:
        """The last words of a rank that publishes nothing."""
        return Summary(outcome=Outcome.PUBLISHED, message=f"rank {self.rank} of {self.world_size} finished")


def describe(manifest: Manifest) -> str:
    """One line about a published model: its name, digest and metrics."""
    measured = ", ".join(
        f"{metric.name} {metric.value}" + (f" [{metric.low}, {metric.high}]" if metric.low is not None else "")
        for metric in manifest.metrics
    )
    return f"published {manifest.name} as {manifest.digest}" + (f": {measured}" if measured else "")
