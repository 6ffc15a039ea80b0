"""Which examples measure a model and which calibrate it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slipway_runtime.artifact.manifest import Manifest, Task
from slipway_runtime.datasets import Dataset, load, split
from slipway_runtime.metrics import Truth
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.compress import Calibration, CompressSpec, QuantizationScheme
from slipway_runtime.storage.uri import Mounts

_FOREIGN_FRACTION = 0.5
_SEED = 0


@dataclass(frozen=True)
class Examples:
    """What a compression run works with.

    Attributes:
        x: Evaluation examples, float32 [n, …].
        truth: Their answers: class indices in the manifest's order, or numbers.
        calibration: Examples that fix activation ranges, float32 [m, …]; disjoint from ``x``;
            empty when no pass wants any.
    """

    x: npt.NDArray[np.float32]
    truth: Truth
    calibration: npt.NDArray[np.float32]


def gather(spec: CompressSpec, manifest: Manifest, mounts: Mounts) -> Examples:
    """Load what the spec names and divide it.

    A dataset that the source was trained on (equal digest in its lineage) is divided as training divided it: its
    held-out share measures, its training share calibrates. Any other dataset is divided by a fixed seed if a pass needs
    calibration from it, and measures whole if not.

    Raises:
        ConfigError: The data does not fit the model.
        StoreError: It cannot be read.
    """
    classification = _is_classification(manifest)
    dataset = load(spec.evaluation.dataset, mounts, classification=classification)
    uri = spec.evaluation.dataset.uri
    _fits(dataset, manifest, uri)
    truth = _in_order_of(manifest, dataset, uri) if classification else dataset.y
    calibration = _wanted_calibration(spec)
    own_source = calibration.dataset if calibration else None
    training, held_out = _shares(dataset, manifest, needs_rest=calibration is not None and own_source is None)
    if calibration is None:
        chosen = dataset.x[:0]
    elif own_source is not None:
        other = load(own_source, mounts, classification=classification)
        _fits(other, manifest, own_source.uri)
        chosen = _sample(other.x, calibration.samples)
    else:
        chosen = _sample(dataset.x[training], calibration.samples)
    return Examples(dataset.x[held_out], truth[held_out], chosen)


def _is_classification(manifest: Manifest) -> bool:
    if manifest.task is Task.OTHER:
        outputs = ", ".join(output.name for output in manifest.signature.outputs)
        raise ConfigError(
            f"{manifest.name}: its outputs are {outputs}, so its answers cannot be judged; "
            "name the first output probabilities [-1, classes] or prediction [-1] when exporting"
        )
    return manifest.task is Task.CLASSIFICATION


def _wanted_calibration(spec: CompressSpec) -> Calibration | None:
    for step in spec.passes:
        if step.quantize is not None and step.quantize.scheme is QuantizationScheme.INT8_STATIC:
            return step.quantize.calibration or Calibration()
    return None


def _shares(
    dataset: Dataset, manifest: Manifest, *, needs_rest: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    trained_on = manifest.lineage.dataset
    if trained_on is not None and trained_on.digest == dataset.digest and trained_on.fraction is not None:
        return split(dataset, float(trained_on.fraction), trained_on.seed or 0)
    if needs_rest:
        return split(dataset, _FOREIGN_FRACTION, _SEED)
    everything = np.arange(len(dataset))
    return everything[:0], everything


def _sample(x: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    order = np.random.default_rng(_SEED).permutation(len(x))
    return x[np.sort(order[:count])]


def _fits(dataset: Dataset, manifest: Manifest, uri: str) -> None:
    inputs = manifest.signature.inputs
    if len(inputs) != 1 or inputs[0].dtype != "float32":
        shown = ", ".join(f"{value.name}: {value.dtype}" for value in inputs)
        raise ConfigError(f"{manifest.name}: takes {shown}; a model with one float32 input can be compressed")
    wanted, found = inputs[0].shape[1:], dataset.x.shape[1:]
    if len(wanted) != len(found) or any(size not in {-1, have} for size, have in zip(wanted, found, strict=True)):
        raise ConfigError(
            f"{uri}: examples have shape {list(found)}, {manifest.name} takes {list(wanted)}; "
            "evaluate on data of the shape the model was trained on"
        )


def _in_order_of(manifest: Manifest, dataset: Dataset, uri: str) -> npt.NDArray[np.int64]:
    labels = dataset.y.astype(np.int64)
    if not manifest.classes:
        count = manifest.signature.outputs[0].shape[-1]
        if count not in {-1, len(dataset.classes)} and labels.max() >= count:
            raise ConfigError(f"{uri}: has {len(dataset.classes)} classes, {manifest.name} answers {count}")
        return labels
    unknown = sorted(set(dataset.classes) - set(manifest.classes))
    if unknown:
        raise ConfigError(
            f"{uri}: class {', '.join(unknown[:5])} is unknown to {manifest.name}, which knows "
            f"{', '.join(manifest.classes[:20])}; evaluate on data with the same labels"
        )
    order = np.asarray([manifest.classes.index(name) for name in dataset.classes], dtype=np.int64)
    return order[labels]
