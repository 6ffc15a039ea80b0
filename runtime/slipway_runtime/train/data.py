"""The examples of a recipe: loaded, checked against it, and shared out into training and validation."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipway_runtime.artifact import DatasetLineage
from slipway_runtime.datasets import Dataset, DatasetError, load, split
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.dataset import DatasetSource
from slipway_runtime.spec.train import Architecture, Recipe, RecipeChoice, TaskName
from slipway_runtime.storage.uri import Mounts

IMAGE_RANKS = (2, 3)


@dataclass(frozen=True)
class Examples:
    """Inputs float32 ``[n, …features]`` and answers: int64 classes or float32 targets, ``[n]``."""

    x: NDArray[np.float32]
    y: NDArray[np.int64] | NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Shares:
    """What is trained on and what is held out, and what the manifest says about them."""

    task: TaskName
    training: Examples
    held_out: Examples
    classes: tuple[str, ...]
    lineage: DatasetLineage
    fingerprint: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.training.x.shape[1:])


def share_out(choice: RecipeChoice, source: DatasetSource, mounts: Mounts) -> Shares:
    """Load the dataset of a recipe and hold out what its ``validation`` says.

    Raises ConfigError naming field, value and remedy when data and recipe do not fit, StoreError when the data cannot
    be read.
    """
    recipe = choice.settings
    classification = choice.classifier is not None
    dataset = _load(source, mounts, classification=classification)
    _check_shape(recipe, dataset, source.uri)
    if recipe.validation.dataset is None:
        fraction = recipe.validation.fraction
        try:
            training, held_out = split(dataset, float(fraction), recipe.seed)
        except DatasetError as error:
            raise ConfigError(str(error)) from error
        shares = _take(dataset, training), _take(dataset, held_out)
        lineage = _lineage(source, dataset, fraction, recipe.seed)
        digests = [dataset.digest]
    else:
        own = _load(recipe.validation.dataset, mounts, classification=classification)
        shares = Examples(dataset.x, dataset.y), _fitting(own, dataset, recipe.validation.dataset.uri)
        lineage = _lineage(source, dataset, None, None)
        digests = [dataset.digest, own.digest]
    return Shares(
        task="classification" if classification else "regression",
        training=shares[0],
        held_out=shares[1],
        classes=dataset.classes,
        lineage=lineage,
        fingerprint=_fingerprint(choice, digests),
    )


def _load(source: DatasetSource, mounts: Mounts, *, classification: bool) -> Dataset:
    try:
        return load(source, mounts, classification=classification)
    except DatasetError as error:
        raise ConfigError(str(error)) from error


def _check_shape(recipe: Recipe, dataset: Dataset, uri: str) -> None:
    shape = tuple(dataset.x.shape[1:])
    if recipe.architecture is Architecture.CNN and len(shape) not in IMAGE_RANKS:
        raise ConfigError(
            f"recipe.architecture is cnn, but an example of {uri} has shape {list(shape)}: a cnn needs images "
            "([height, width] or [channels, height, width]); use architecture mlp"
        )


def _fitting(own: Dataset, dataset: Dataset, uri: str) -> Examples:
    """The validation dataset in terms of the training dataset's classes."""
    if own.x.shape[1:] != dataset.x.shape[1:]:
        raise ConfigError(
            f"validation.dataset: an example of {uri} has shape {list(own.x.shape[1:])}, the training examples have "
            f"{list(dataset.x.shape[1:])}; give data of the same shape"
        )
    if own.feature_names != dataset.feature_names:
        raise ConfigError(
            f"validation.dataset: the columns of {uri} are {', '.join(own.feature_names)}, those of the training data "
            f"{', '.join(dataset.feature_names)}; give the same columns in the same order"
        )
    unknown = [name for name in own.classes if name not in dataset.classes]
    if unknown:
        raise ConfigError(
            f"validation.dataset: {uri} has the classes {', '.join(unknown[:5])} that the training data does not have; "
            "add them to the training data or drop them"
        )
    if not own.classes:
        return Examples(own.x, own.y)
    positions = np.array([dataset.classes.index(name) for name in own.classes], dtype=np.int64)
    return Examples(own.x, positions[own.y.astype(np.int64)])


def _take(dataset: Dataset, indices: NDArray[np.int64]) -> Examples:
    return Examples(dataset.x[indices], dataset.y[indices])


def _lineage(source: DatasetSource, dataset: Dataset, fraction: str | None, seed: int | None) -> DatasetLineage:
    return DatasetLineage(uri=source.uri, digest=dataset.digest, target=source.target, fraction=fraction, seed=seed)


def _fingerprint(choice: RecipeChoice, digests: list[str]) -> str:
    content = {"recipe": choice.model_dump(mode="json", by_alias=True), "data": digests}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
