"""Examples to compare two models on: given by the user, or made up from the signature with a seed."""

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slipway_runtime.artifact.manifest import Signature, TensorSpec
from slipway_runtime.convert.conversion import Array, Converted
from slipway_runtime.run.errors import ConfigError

ROWS = 48
MOST_ROWS = 512
SEED = 0
FREE_SIZES = (8, 1, 64, 224)
"""What a free dimension besides the batch is tried with."""

_MAGNITUDES = (1.0, 16.0, 255.0)
"""Normalised values, small counts, bytes of a picture: a third of the made-up rows each."""
_SMALL = 4
_WORDS = ("a", "good", "bad", "model", "of", "the", "Text", "data", "7", "naïve", "Ärger", "don't")
_LENGTHS = (0, 1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Hints:
    """What is known of a model's examples: words, or mean and deviation of each feature."""

    words: tuple[str, ...] = ()
    centre: Array | None = None
    spread: Array | None = None

    @classmethod
    def of(cls, converted: Converted) -> "Hints":
        """What the converter found in the model."""
        return cls(converted.words, converted.centre, converted.spread)


def read_samples(path: Path, shown: str) -> dict[str, Array]:
    """Arrays by name of a sample file; a file of one array names it ``""``: the model's one input.

    Raises:
        ConfigError: It does not read, or holds pickled objects.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        if suffix == ".npy":
            return {"": np.load(path, allow_pickle=False)}
        if suffix == ".csv":
            return {"": _table(path)}
        if suffix == ".txt":
            return {"": np.array(path.read_text(encoding="utf-8").splitlines(), dtype=object)}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ConfigError(f"{shown}: does not read as samples ({error}); write .npz, .npy, .csv or .txt") from error
    raise ConfigError(f"{shown}: {suffix or 'no ending'} is no kind of samples; write .npz, .npy, .csv or .txt")


def fit_samples(given: dict[str, Array], signature: Signature, shown: str) -> dict[str, Array]:
    """Given arrays, in type and shape of the model's inputs; at most 512 rows.

    Raises:
        ConfigError: An input has no array, or rows do not fit it.
    """
    if len(signature.inputs) == 1:
        # Arrays of answers or row numbers lie in many files beside the examples.
        name = next((name for name in (signature.inputs[0].name, "x", "") if name in given), None)
        if name is None and len(given) == 1:
            (name,) = given
        given = {signature.inputs[0].name: given[name]} if name is not None else {}
    feeds = {}
    for spec in signature.inputs:
        if spec.name not in given:
            wanted = ", ".join(one.name for one in signature.inputs)
            raise ConfigError(f"{shown}: has no array {spec.name!r}; the model takes {wanted}")
        feeds[spec.name] = _fit(given[spec.name][:MOST_ROWS], spec, shown)
    if len({len(array) for array in feeds.values()}) != 1:
        raise ConfigError(f"{shown}: the arrays have different numbers of rows")
    return feeds


def make_samples(signature: Signature, hints: Hints, free: int) -> dict[str, Array]:
    """Invented examples that fit the signature; the same ones for the same signature.

    Args:
        signature: Inputs and their shapes; -1 of the first axis becomes 48 rows.
        hints: What is known of the model's examples.
        free: Size of every other free axis.
    """
    generator = np.random.default_rng(SEED)
    return {spec.name: _invent(spec, hints, free, generator) for spec in signature.inputs}


def _table(path: Path) -> Array:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not _numeric(rows[0]):
        rows = rows[1:]  # the columns' names
    return np.array([[float(value) for value in row] for row in rows])


def _numeric(row: list[str]) -> bool:
    try:
        [float(value) for value in row]
    except ValueError:
        return False
    return True


def _fit(array: Array, spec: TensorSpec, shown: str) -> Array:
    rows = len(array) if array.ndim else 0
    if rows == 0:
        raise ConfigError(f"{shown}: has no rows for input {spec.name}")
    if spec.shape[:1] and spec.shape[0] not in {-1, rows}:
        rows = spec.shape[0]
        if len(array) < rows:
            raise ConfigError(f"{shown}: has {len(array)} rows, the model takes {rows} at once")
        array = array[:rows]
    wanted = (rows, *spec.shape[1:])
    try:
        fitted = array.reshape(wanted) if wanted.count(-1) <= 1 and array.ndim != len(wanted) else array
    except ValueError:
        fitted = array
    fits = fitted.ndim == len(wanted) and all(
        size in {-1, found} for size, found in zip(wanted, fitted.shape, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"{shown}: rows have shape {list(array.shape[1:])}, input {spec.name} takes {list(spec.shape[1:])}"
        )
    if spec.dtype == "string":
        return np.array([str(value) for value in fitted.ravel()], dtype=object).reshape(fitted.shape)
    if fitted.dtype.kind not in "biuf":
        raise ConfigError(f"{shown}: holds {fitted.dtype}, input {spec.name} takes {spec.dtype}")
    converted: Array = fitted.astype(spec.dtype)
    return converted


def _invent(spec: TensorSpec, hints: Hints, free: int, generator: np.random.Generator) -> Array:
    first = ROWS if spec.shape[:1] == (-1,) else None
    shape = tuple(
        (first or free) if axis == 0 and size == -1 else free if size == -1 else size
        for axis, size in enumerate(spec.shape)
    )
    if spec.dtype == "string":
        return _sentences(shape, hints.words, generator)
    if spec.dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if not spec.dtype.startswith("float"):
        return generator.integers(0, _SMALL, shape).astype(spec.dtype)
    if hints.centre is not None and hints.spread is not None and shape[1:] == hints.centre.shape:
        around: Array = (hints.centre + 1.5 * hints.spread * generator.standard_normal(shape)).astype(spec.dtype)
        return around
    values = generator.standard_normal(shape)
    for position, magnitude in enumerate(_MAGNITUDES[1:], start=1):
        values[position :: len(_MAGNITUDES)] = generator.uniform(
            0, magnitude, values[position :: len(_MAGNITUDES)].shape
        )
    return values.astype(spec.dtype)


def _sentences(shape: tuple[int, ...], words: tuple[str, ...], generator: np.random.Generator) -> Array:
    """Texts of several lengths, an empty one among them, of the model's words and of others."""
    known = (*words, *_WORDS)
    count = int(np.prod(shape))
    texts = [
        " ".join(known[index] for index in generator.integers(0, len(known), _LENGTHS[position % len(_LENGTHS)]))
        for position in range(count)
    ]
    return np.array(texts, dtype=object).reshape(shape)
