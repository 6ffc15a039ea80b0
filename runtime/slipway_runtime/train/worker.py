"""One process of a bundled recipe: ``python -m slipway_runtime.train.worker``, started by the launcher."""

import importlib.metadata
import logging
import os
import sys
import tempfile
from pathlib import Path

import torch

from slipway_runtime.artifact import Lineage, Task, write_package
from slipway_runtime.metrics import evaluate, metrics_of
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError, GateRefused, Preempted, RetryLater, RunError
from slipway_runtime.run.program import run_program
from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.summary import Summary
from slipway_runtime.spec.train import Recipe
from slipway_runtime.train.data import Shares, share_out
from slipway_runtime.train.export import answer_onnx, check_alike, signature, write_model
from slipway_runtime.train.fit import Training, answer, make_optimizer
from slipway_runtime.train.gate import check_names
from slipway_runtime.train.logs import configure_worker_logging
from slipway_runtime.train.networks import Blueprint, Network, Served
from slipway_runtime.train.parallel import Ranks
from slipway_runtime.train.state import Marks, State
from slipway_runtime.train.trainingrun import TrainingRun

CHECK_BATCH = 100
_log = logging.getLogger(__name__)


def main() -> int:
    """Train what ``SLIPWAY_SPEC`` says; returns the exit code."""
    configure_worker_logging(os.environ)
    return run_program(train, os.environ)


def train(context: RunContext) -> Summary:
    """Train, evaluate, check and publish; every rank returns the leader's Summary."""
    run = TrainingRun.begin(context)
    choice, source = run.spec.recipe, run.spec.dataset
    if choice is None or source is None:
        raise ConfigError("recipe is absent: this program runs bundled recipes; use slipway-launch for a program")
    check_names(run.spec.gate, metrics_of("classification" if choice.classifier else "regression"))
    _configure_torch()
    run.report("loading")
    shares = share_out(choice, source, context.mounts)
    if run.stop_requested:
        raise Preempted("stopped on request before training began; nothing is lost")
    with Ranks.join(os.environ) as ranks:
        state = _start(choice.settings, shares, ranks)
        _resume(run, state, ranks)
        training = Training(
            recipe=choice.settings,
            shares=shares,
            ranks=ranks,
            checkpoints=run.checkpoints,
            every=run.spec.checkpoint.every,
            stop=lambda: run.stop_requested,
        )
        training.run(state)
        return _share_ending(run, ranks, state.network, shares)


def _configure_torch() -> None:
    torch.use_deterministic_algorithms(mode=True, warn_only=torch.cuda.is_available())
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))


def _start(recipe: Recipe, shares: Shares, ranks: Ranks) -> State:
    torch.manual_seed(recipe.seed)
    blueprint = Blueprint(
        architecture=recipe.architecture,
        task=shares.task,
        input_shape=shares.input_shape,
        outputs=len(shares.classes) if shares.task == "classification" else 1,
        hidden_sizes=recipe.hidden_sizes if recipe.architecture == "mlp" else (),
    )
    network = Network(blueprint)
    network.fit_normalisation(torch.from_numpy(shares.training.x), torch.from_numpy(shares.training.y))
    network.to(ranks.device)
    return State(network, make_optimizer(recipe, network), {}, Marks(fingerprint=shares.fingerprint))


def _resume(run: TrainingRun, state: State, ranks: Ranks) -> None:
    """Go on from the newest checkpoint that fits; all ranks from the same one."""
    found = ""
    if ranks.leader:
        for position, content in run.checkpoints.newest():
            try:
                state.restore(content)
            except ValueError as error:
                _log.warning("checkpoint passed over", extra={"checkpoint": position.folder, "why": str(error)})
                continue
            found = position.folder
            break
        else:
            run.checkpoints.clear()  # what cannot be used must not shadow what this attempt saves
    found = ranks.agree(found)
    if not found:
        return
    if not ranks.leader:
        contents = {position.folder: content for position, content in run.checkpoints.newest()}
        state.restore(contents[found])
    _log.info("training goes on", extra={"checkpoint": found, "step": state.marks.step})


class _Ending(SpecModel):
    """How the leader's publishing went, for the other ranks."""

    summary: Summary
    refused: bool = False


def _share_ending(run: TrainingRun, ranks: Ranks, network: Network, shares: Shares) -> Summary:
    """Let the leader publish, and end on every rank the way it ended there."""
    failure: RunError | None = None
    ending: _Ending | None = None
    if ranks.leader:
        try:
            ending = _Ending(summary=_publish(run, network, shares))
        except RunError as error:
            failure = error
            ending = _Ending(summary=Summary(outcome=error.outcome, message=str(error)[:1024]), refused=True)
    text = ranks.agree(ending.model_dump_json(by_alias=True) if ending else "")
    if failure is not None:
        raise failure
    ending = _Ending.model_validate_json(text)
    if ending.refused:
        raise _error_of(ending.summary)
    return ending.summary


def _error_of(summary: Summary) -> RunError:
    kinds: tuple[type[RunError], ...] = (ConfigError, GateRefused, Preempted, RetryLater)
    return next((kind for kind in kinds if kind.outcome is summary.outcome), RunError)(summary.message)


def _publish(run: TrainingRun, network: Network, shares: Shares) -> Summary:
    held_out = shares.held_out
    run.report("exporting")
    network.to(torch.device("cpu"))
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as scratch:
        package = Path(scratch)
        write_model(network, package)
        run.report("evaluating")
        exported = answer_onnx(package / "model.onnx", held_out.x, CHECK_BATCH)
        trained = answer(Served(network), held_out.x, torch.device("cpu"))
        difference = check_alike(exported, trained, relative=shares.task == "regression")
        _log.info("exported graph answers like the network", extra={"difference": f"{difference:.2g}"})
        try:
            metrics = evaluate(shares.task, exported, held_out.y)
        except ValueError as error:
            raise ConfigError(f"the trained model cannot be evaluated: {error}") from error
        write_package(
            package,
            name=run.name,
            task=Task(shares.task),
            signature=signature(network.blueprint),
            metrics=metrics,
            classes=shares.classes,
            lineage=Lineage(
                dataset=shares.lineage,
                seed=run.spec.recipe.settings.seed if run.spec.recipe else None,
                versions={name: importlib.metadata.version(name) for name in ("torch", "onnxscript", "slipway")},
            ),
        )
        run.report("publishing")
        return run.publish(package)


if __name__ == "__main__":
    sys.exit(main())
