"""The training loop of the bundled recipes."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slipway_runtime.metrics import decimal
from slipway_runtime.progress import report
from slipway_runtime.run.errors import ConfigError, Preempted
from slipway_runtime.spec.progress import Progress, ProgressMetric
from slipway_runtime.spec.train import Optimizer, Recipe, Schedule
from slipway_runtime.train.checkpoints import Checkpoints
from slipway_runtime.train.data import Examples, Shares
from slipway_runtime.train.networks import Network
from slipway_runtime.train.order import Order, step_seed
from slipway_runtime.train.parallel import Ranks
from slipway_runtime.train.state import State

REPORT_SECONDS = 0.5
VALIDATION_BATCH = 1024
MOMENTUM = 0.9
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """One training of a recipe on this process.

    ``stop`` says whether somebody asked this process to stop. ``clock`` is monotonic, in seconds.
    """

    recipe: Recipe
    shares: Shares
    ranks: Ranks
    checkpoints: Checkpoints
    every: int
    stop: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic

    def run(self, state: State) -> None:
        """Train the network of ``state`` to the end of the recipe, and leave the weights to publish in it.

        Equal state, recipe, data, number of processes and threads give equal bits on a CPU, whether or not training
        was interrupted. Raises Preempted once a requested stop has saved the state, ConfigError when the loss is no
        number any more, RetryLater when a peer is gone.
        """
        ranks, network = self.ranks, state.network
        order = Order(len(self.shares.training), self.recipe.batch_size, self.recipe.seed)
        total = order.steps_per_epoch * self.recipe.epochs
        model = ranks.replicate(network)
        inputs, answers = _tensors(self.shares.training, ranks.device)
        pace = _Pace(self.recipe.batch_size, state.marks.step, total, self.clock)
        while state.marks.step < total and not self._exhausted(state):
            step = state.marks.step
            batch = order.batch(step)
            share = torch.from_numpy(order.share(step, ranks.rank, ranks.world_size)).to(ranks.device)
            torch.manual_seed(step_seed(self.recipe.seed, step, ranks.rank))
            set_rate(state.optimizer, self.recipe, step, total)
            with ranks.peers():
                loss = self._step(state, model, (inputs[share], answers[share]), len(batch))
            state.marks = state.marks.model_copy(update={"step": step + 1})
            ended = (step + 1) % order.steps_per_epoch == 0
            if ended:
                self._end_epoch(state, (step + 1) // order.steps_per_epoch)
            pace.tell(step + 1, loss, force=ended)
            self._save_or_stop(state, total)
        if state.best:
            network.load_state_dict(state.best)

    def _step(self, state: State, model: nn.Module, share: tuple[Tensor, Tensor], examples: int) -> Tensor:
        """One update; returns this rank's part of the batch's mean loss, still on the device."""
        optimizer = state.optimizer
        optimizer.zero_grad(set_to_none=True)
        inputs, answers = share
        loss = losses(state.network, model(inputs), answers).sum() / examples
        # DDP averages over ranks, yet the ranks' parts add up to the batch's mean: undo the division.
        (loss * self.ranks.world_size).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    def _end_epoch(self, state: State, epoch: int) -> None:
        loss = self._validation_loss(state.network)
        if not math.isfinite(loss):
            raise ConfigError(
                f"recipe.learningRate is {self.recipe.learning_rate}: the validation loss became {loss} in epoch "
                f"{epoch}; lower it, or scale the data"
            )
        if self.ranks.leader:
            _log.info(
                "epoch finished", extra={"epoch": epoch, "step": state.marks.step, "validation_loss": decimal(loss)}
            )
        if self.recipe.early_stopping is None:
            return
        best = state.marks.best_loss
        if best is None or loss < best:
            state.marks = state.marks.model_copy(update={"best_loss": loss, "bad_epochs": 0})
            state.keep_best()
        else:
            state.marks = state.marks.model_copy(update={"bad_epochs": state.marks.bad_epochs + 1})

    def _exhausted(self, state: State) -> bool:
        stopping = self.recipe.early_stopping
        return stopping is not None and state.marks.bad_epochs >= stopping.patience

    def _validation_loss(self, network: Network) -> float:
        held_out, ranks = self.shares.held_out, self.ranks
        inputs, answers = _tensors(held_out, torch.device("cpu"))
        summed = torch.zeros(1, dtype=torch.float64)
        network.eval()
        with torch.no_grad():
            for start in range(ranks.rank * VALIDATION_BATCH, len(held_out), ranks.world_size * VALIDATION_BATCH):
                x = inputs[start : start + VALIDATION_BATCH].to(ranks.device)
                y = answers[start : start + VALIDATION_BATCH].to(ranks.device)
                summed += losses(network, network(x), y).double().sum().cpu()
        network.train()
        return float(ranks.total(summed).item()) / len(held_out)

    def _save_or_stop(self, state: State, total: int) -> None:
        step = state.marks.step
        stopping = self.ranks.any(flag=self.stop())
        if stopping or (step % self.every == 0 and step < total):
            if self.ranks.leader:
                self.checkpoints.save(step, state.to_bytes())
            _log.debug("checkpoint saved", extra={"step": step})
        if stopping:
            self.ranks.agree("saved")  # nobody leaves before the leader has saved
            raise Preempted(f"stopped on request after step {step} of {total}; the next attempt goes on from there")


def losses(network: Network, scores: Tensor, answers: Tensor) -> Tensor:
    """Loss of each example: cross-entropy of logits, or the squared error of normalised targets."""
    if network.blueprint.task == "classification":
        return nn.functional.cross_entropy(scores, answers, reduction="none")
    difference: Tensor = scores.squeeze(1) - network.target(answers)
    return difference.square()


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer; sgd has a momentum of 0.9."""
    rate, decay = float(recipe.learning_rate), float(recipe.weight_decay)
    match recipe.optimizer:
        case Optimizer.ADAM:
            return torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
        case Optimizer.ADAMW:
            return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        case Optimizer.SGD:
            return torch.optim.SGD(network.parameters(), lr=rate, weight_decay=decay, momentum=MOMENTUM)


def set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, total: int) -> None:
    """Set the learning rate of ``step``: the peak, or a half cosine from the peak at step 0 to 0 at ``total``."""
    rate = float(recipe.learning_rate)
    if recipe.schedule is Schedule.COSINE:
        rate *= 0.5 * (1 + math.cos(math.pi * step / total))
    for group in optimizer.param_groups:
        group["lr"] = rate


def answer(module: nn.Module, x: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    """``module``'s outputs for ``x``, computed in batches."""
    module.eval()
    with torch.no_grad():
        parts = [
            module(torch.from_numpy(x[start : start + VALIDATION_BATCH]).to(device)).cpu().numpy()
            for start in range(0, len(x), VALIDATION_BATCH)
        ]
    return np.concatenate(parts)


def _tensors(examples: Examples, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(examples.x).to(device), torch.from_numpy(examples.y).to(device)


class _Pace:
    """Reports progress at most every half second; the loss is read from the device only then."""

    def __init__(self, batch_size: int, first: int, total: int, clock: Callable[[], float]) -> None:
        self._batch_size = batch_size
        self._first = first
        self._total = total
        self._clock = clock
        self._started = clock()
        self._last = self._started

    def tell(self, step: int, loss: Tensor, *, force: bool) -> None:
        now = self._clock()
        if not force and now - self._last < REPORT_SECONDS:
            return
        self._last = now
        rate = (step - self._first) / max(now - self._started, 1e-9)
        value = float(loss)
        report(
            Progress(
                stage="training",
                step=step,
                total_steps=self._total,
                eta_seconds=round((self._total - step) / rate),
                throughput=decimal(rate * self._batch_size),
                metrics=(ProgressMetric(name="loss", value=decimal(value)),) if math.isfinite(value) else (),
            )
        )
