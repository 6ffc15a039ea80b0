"""Networks of the bundled recipes; each takes raw inputs and normalises them itself."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.train import Architecture, TaskName

CONVOLUTIONS = (32, 64, 96)
POOLED = 2
MULTIPLE = 4 * POOLED
HEAD = 128
DROPOUT = 0.3


class Blueprint(SpecModel):
    """All that is needed to build a network again, as ``model.json`` keeps it.

    ``input_shape`` is one example's shape without the batch. ``outputs`` is the number of classes, or 1.
    """

    kind: Literal["slipway.dev/network"] = "slipway.dev/network"
    architecture: Architecture
    task: TaskName
    input_shape: tuple[int, ...]
    outputs: int
    hidden_sizes: tuple[int, ...] = ()


class Normalise(nn.Module):
    """Subtract ``mean`` and divide by ``scale``, both fixed when training starts and part of the exported graph."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(*shape))
        self.register_buffer("scale", torch.ones(*shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised ``inputs``, same shape."""
        return (inputs - self.mean) / self.scale


class Network(nn.Module):
    """A body between an input normalisation and, for a regressor, an output scale.

    ``forward`` maps float32 ``[n, *input_shape]`` to raw scores ``[n, outputs]``: logits of a classifier, normalised
    predictions of a regressor.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__()
        self.blueprint = blueprint
        image = blueprint.architecture is Architecture.CNN
        # Pixels of one channel share one scale, so that an edge that is always dark is not blown up.
        self.normalise = Normalise((_channels(blueprint.input_shape), 1, 1) if image else (_units(blueprint),))
        self.body = _cnn(blueprint) if image else _mlp(blueprint)
        self.target = Normalise((1,))

    def forward(self, inputs: Tensor) -> Tensor:
        """Raw scores of ``inputs``."""
        scores: Tensor = self.body(self.normalise(self.arrange(inputs)))
        return scores

    def arrange(self, inputs: Tensor) -> Tensor:
        """``inputs`` as the body wants them: ``[n, channels, height, width]`` or ``[n, features]``."""
        if self.blueprint.architecture is Architecture.MLP:
            return inputs.flatten(1)
        return inputs.unsqueeze(1) if len(self.blueprint.input_shape) == 2 else inputs  # noqa: PLR2004 - height, width

    def fit_normalisation(self, inputs: Tensor, targets: Tensor) -> None:
        """Take mean and standard deviation from the training examples; a constant feature keeps its scale of 1."""
        arranged = self.arrange(inputs).double()
        axes = (0, 2, 3) if arranged.ndim == 4 else (0,)  # noqa: PLR2004 - a batch of images
        _fit(self.normalise, arranged, axes)
        if self.blueprint.task == "regression":
            _fit(self.target, targets.double().unsqueeze(1), (0,))


class Served(nn.Module):
    """What is exported: ``probabilities`` ``[n, classes]``, or ``prediction`` ``[n]`` in the target's unit."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers for raw ``inputs``."""
        scores: Tensor = self.network(inputs)
        if self.network.blueprint.task == "classification":
            return torch.softmax(scores, dim=1)
        target = self.network.target
        return (scores * target.scale + target.mean).squeeze(1)


def _mlp(blueprint: Blueprint) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = _units(blueprint)
    for size in blueprint.hidden_sizes:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, blueprint.outputs))


def _cnn(blueprint: Blueprint) -> nn.Sequential:
    """Three 3x3 convolutions and a hidden layer: 125,000 parameters for one channel and ten classes.

    Sides are padded with zeros to a multiple of eight, so that two halvings and a mean over equal windows, which ONNX
    can express exactly, always end at 2x2.
    """
    height, width = blueprint.input_shape[-2:]
    first, second, third = CONVOLUTIONS
    padded_height, padded_width = _padded(height), _padded(width)
    return nn.Sequential(
        nn.ZeroPad2d((0, padded_width - width, 0, padded_height - height)),
        nn.Conv2d(_channels(blueprint.input_shape), first, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(second, third, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d((padded_height // MULTIPLE, padded_width // MULTIPLE)),
        nn.Flatten(),
        nn.Dropout(DROPOUT / 2),
        nn.Linear(third * POOLED * POOLED, HEAD),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(HEAD, blueprint.outputs),
    )


def _padded(side: int) -> int:
    return -(-side // MULTIPLE) * MULTIPLE


def _channels(shape: tuple[int, ...]) -> int:
    return 1 if len(shape) == 2 else shape[0]  # noqa: PLR2004 - height, width


def _units(blueprint: Blueprint) -> int:
    units = 1
    for size in blueprint.input_shape:
        units *= size
    return units


def _fit(normalise: Normalise, values: Tensor, axes: tuple[int, ...]) -> None:
    scale, mean = torch.std_mean(values, dim=axes, correction=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    normalise.mean.copy_(mean.reshape(normalise.mean.shape))
    normalise.scale.copy_(scale.reshape(normalise.scale.shape))
