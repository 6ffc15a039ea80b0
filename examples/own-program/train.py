# ruff: noqa: INP001 - a program, not a package
"""A training program of one's own: wine cultivars by a small network, written directly in torch.

From a shell:  slipway-launch --spec trainingjob.yaml --output ./wine -- python train.py
With --processes 2, or on several nodes, every process gets a rank and gradients are averaged.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import nn

from slipway_runtime.artifact import DatasetLineage, Lineage, Signature, Task, TensorSpec, write_package
from slipway_runtime.datasets import Dataset, split
from slipway_runtime.datasets import load as load_dataset
from slipway_runtime.metrics import evaluate
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import Preempted
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import run_program
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.summary import Summary
from slipway_runtime.train.trainingrun import TrainingRun

SEED = 7
STEPS = 300
HELD_OUT = "0.25"
LEARNING_RATE = 0.01


class WineNetwork(nn.Module):
    """Scales raw measurements by the training data's mean and deviation, then two linear layers; gives logits."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, examples: torch.Tensor, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", examples.mean(0))
        self.register_buffer("deviation", examples.std(0))
        self.layers = nn.Sequential(nn.Linear(examples.shape[1], 32), nn.Tanh(), nn.Linear(32, classes))

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """Logits [n, classes] of raw measurements [n, features]."""
        logits: torch.Tensor = self.layers((raw - self.mean) / self.deviation)
        return logits


def train(context: RunContext) -> Summary:
    """Train, and publish on rank 0; spec.gate decides whether it may."""
    run = TrainingRun.begin(context)
    source = run.spec.dataset or DatasetSource(uri="builtin://wine")
    dataset = load_dataset(source, context.mounts, classification=True)
    training, held_out = split(dataset, float(HELD_OUT), SEED)
    if run.world_size > 1:
        dist.init_process_group("gloo")
    torch.manual_seed(SEED)
    examples, answers = torch.from_numpy(dataset.x[training]), torch.from_numpy(dataset.y[training])
    network = WineNetwork(examples, len(dataset.classes))
    fit(run, network, examples, answers)
    summary = publish(run, network, dataset, held_out, source) if run.rank == 0 else run.finished()
    if run.world_size > 1:
        dist.barrier()  # nobody leaves before rank 0 has published
        dist.destroy_process_group()
    return summary


def fit(run: TrainingRun, network: WineNetwork, examples: torch.Tensor, answers: torch.Tensor) -> None:
    """Full-batch gradient descent; each rank has every n-th example. Goes on from the newest checkpoint."""
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    model = nn.parallel.DistributedDataParallel(network) if run.world_size > 1 else network
    own = slice(run.rank, None, run.world_size)
    first = 0
    for position, content in run.checkpoints.newest():
        network.load_state_dict(load(content))
        first = position.step
        break
    for step in range(first, STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(examples[own]), answers[own])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        run.report("training", step + 1, STEPS, {"loss": float(loss.detach())})
        # All ranks must stop after the same step, or the others would wait for this one for ever.
        stop = torch.tensor([float(run.stop_requested)])
        if run.world_size > 1:
            dist.all_reduce(stop)
        if run.rank == 0 and (stop.item() or (step + 1) % run.spec.checkpoint.every == 0):
            run.checkpoints.save(step + 1, save(dict(network.state_dict())))
        if stop.item():
            raise Preempted(f"stopped on request after step {step + 1} of {STEPS}")


def publish(
    run: TrainingRun, network: WineNetwork, dataset: Dataset, held_out: np.ndarray, source: DatasetSource
) -> Summary:
    """Export to ONNX, measure on the held-out examples, and publish."""
    run.report("publishing", STEPS, STEPS)
    served = nn.Sequential(network, nn.Softmax(dim=1)).eval()
    with torch.no_grad():
        probabilities = served(torch.from_numpy(dataset.x[held_out])).numpy()
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch)
        torch.onnx.export(
            served,
            (torch.zeros(2, dataset.x.shape[1]),),
            package / "model.onnx",
            dynamo=True,
            opset_version=20,
            input_names=["input"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
        write_package(
            package,
            name=run.name,
            task=Task.CLASSIFICATION,
            signature=Signature(
                inputs=(TensorSpec(name="input", dtype="float32", shape=(-1, dataset.x.shape[1])),),
                outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, len(dataset.classes))),),
            ),
            metrics=evaluate("classification", probabilities, dataset.y[held_out]),
            classes=dataset.classes,
            lineage=Lineage(
                dataset=DatasetLineage(
                    uri=source.uri, digest=dataset.digest, target=source.target, fraction=HELD_OUT, seed=SEED
                ),
                seed=SEED,
            ),
        )
        return run.publish(package)


if __name__ == "__main__":
    configure_logging()
    logging.getLogger("onnxscript").setLevel(logging.WARNING)
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)
    sys.exit(run_program(train, os.environ))
