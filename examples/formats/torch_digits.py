# ruff: noqa: INP001 - a program, not a package
"""The recipe's CNN on handwritten digits, saved three ways: torch.export .pt2, TorchScript .pt, and safetensors.

python torch_digits.py FOLDER
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from slipway_runtime.spec.train import Architecture
from slipway_runtime.train.networks import Blueprint, Network, Served

STEPS = 60
BATCH = 128


def main(folder: Path) -> None:
    """Train once, and write the model in each format, examples for the comparison, a request and the right answer."""
    digits = load_digits()
    pictures = torch.from_numpy(digits.images.astype(np.float32))
    answers = torch.from_numpy(digits.target.astype(np.int64))
    torch.manual_seed(0)
    blueprint = Blueprint(
        architecture=Architecture.CNN, task="classification", input_shape=(8, 8), outputs=10, hidden_sizes=()
    )
    network = fit(Network(blueprint), pictures, answers)
    served = Served(network).eval()
    save(folder, network, served, pictures)
    np.savez(folder / "samples.npz", x=digits.images[:200])
    with torch.no_grad():
        probabilities = served(pictures[:5])
    (folder / "request.json").write_text(
        json.dumps({"input_data": pictures[:5].flatten(1).tolist(), "probabilities": True})
    )
    answer = {"prediction": probabilities.argmax(1).tolist(), "probabilities": probabilities.tolist()}
    (folder / "answer.json").write_text(json.dumps(answer))


def fit(network: Network, pictures: torch.Tensor, answers: torch.Tensor) -> Network:
    """A minute's worth of training is not needed to show a format: sixty steps."""
    network.fit_normalisation(pictures, answers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.003)
    for step in range(STEPS):
        chosen = torch.arange(step * BATCH, (step + 1) * BATCH) % len(pictures)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(pictures[chosen]), answers[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network


def save(folder: Path, network: Network, served: Served, pictures: torch.Tensor) -> None:
    """Write each format; two pictures are the example, because a batch of one would be taken for fixed."""
    weights = folder / "digits-weights"
    weights.mkdir(parents=True, exist_ok=True)
    program = torch.export.export(served, (pictures[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / "digits.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; many still have it
        torch.jit.save(torch.jit.trace(served, (pictures[:2],)), folder / "digits.pt")  # type: ignore[no-untyped-call]
    save_file(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()}, weights / "model.safetensors"
    )
    (weights / "model.json").write_text(network.blueprint.model_dump_json(by_alias=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
