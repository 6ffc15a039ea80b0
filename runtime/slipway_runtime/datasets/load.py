"""From a dataset's URI to checked arrays."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from slipway_runtime.datasets.builtin import load_builtin
from slipway_runtime.datasets.dataset import Dataset, DatasetError, digest_of
from slipway_runtime.datasets.images import load_images
from slipway_runtime.datasets.raw import Raw
from slipway_runtime.datasets.tables import load_npz, load_table
from slipway_runtime.spec.dataset import DatasetFormat, DatasetSource
from slipway_runtime.storage.uri import Mounts, download, is_remote, list_files, local_path, open_uri

_BY_ENDING = {".npz": DatasetFormat.NPZ, ".csv": DatasetFormat.CSV, ".parquet": DatasetFormat.PARQUET}
_MAX_CLASSES = 65536


def load(source: DatasetSource, mounts: Mounts | None = None, *, classification: bool | None = None) -> Dataset:
    """Read and check a dataset.

    Args:
        source: Where it is and how it is laid out.
        mounts: Where credentials and claims are; the environment's credentials if absent.
        classification: Whether the answers are classes. If None: text and whole numbers of ``builtin`` classification
            sets, images and text or integer columns are classes; columns with fractions are numeric targets.

    Raises:
        DatasetError: The data is not usable; the text names source, place and remedy.
        StoreError: It cannot be read.
    """
    raw = _read(source, mounts or Mounts())
    return _checked(raw, source.uri, classification=classification)


def format_of(source: DatasetSource) -> DatasetFormat:
    """The layout: what the spec says, else what the URI's ending says; a URI without a known ending is a folder."""
    if source.format is not DatasetFormat.AUTO:
        return source.format
    return _BY_ENDING.get(Path(urlsplit(source.uri).path).suffix.lower(), DatasetFormat.IMAGES)


def _read(source: DatasetSource, mounts: Mounts) -> Raw:
    uri = source.uri
    if uri.startswith("builtin://"):
        return load_builtin(uri)
    layout = format_of(source)
    with tempfile.TemporaryDirectory(prefix="slipway-data-") as scratch:
        if layout is DatasetFormat.IMAGES:
            return load_images(_folder(uri, Path(scratch), mounts, source.secret_name), uri)
        path = local_path(uri, mounts) if not is_remote(uri) else Path(scratch) / "data"
        if is_remote(uri):
            download(uri, path, mounts, secret_name=source.secret_name)
        elif not path.is_file():
            raise DatasetError(f"{uri}: there is no such file; check dataset.uri")
        if layout is DatasetFormat.NPZ:
            return load_npz(path, uri)
        return load_table(path, uri, layout, source.target)


def _folder(uri: str, scratch: Path, mounts: Mounts, secret_name: str | None) -> Path:
    if not is_remote(uri):
        return local_path(uri, mounts)
    if not uri.startswith("s3://"):
        raise DatasetError(f"{uri}: a folder of images cannot be listed over HTTP; put it in a bucket or a claim")
    root = open_uri(uri, mounts, secret_name=secret_name)
    for entry in list_files(uri, mounts, secret_name=secret_name):
        path = scratch / entry.key
        path.parent.mkdir(parents=True, exist_ok=True)
        root.download(entry.key, path)
    return scratch


def _checked(raw: Raw, uri: str, *, classification: bool | None) -> Dataset:
    x = np.ascontiguousarray(raw.x, dtype=np.float32)
    if x.ndim < 2 or len(x) == 0:  # noqa: PLR2004 - [n, features] at least
        raise DatasetError(f"{uri}: there are no examples (x has shape {x.shape}); x must be [n, …features] with n ≥ 1")
    if len(x) != len(raw.y):
        raise DatasetError(f"{uri}: {len(x)} examples but {len(raw.y)} answers; both must have one row an example")
    _refuse_non_finite(x, raw.feature_names, uri)
    as_classes = raw.discrete if classification is None else classification
    if as_classes:
        y, classes = _classes(raw, uri)
        return Dataset(x, y, classes, raw.feature_names, digest_of(x, y, classes, raw.feature_names))
    targets = _targets(raw, uri)
    return Dataset(x, targets, (), raw.feature_names, digest_of(x, targets, (), raw.feature_names))


def _refuse_non_finite(x: np.ndarray, feature_names: tuple[str, ...], uri: str) -> None:
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, *rest = (int(part) for part in bad[0])
        column = feature_names[rest[0]] if feature_names else str(rest)
        raise DatasetError(
            f"{uri}: {len(bad)} values are NaN or infinite, the first in row {row}, column {column}; "
            "fill or drop them before training"
        )


def _classes(raw: Raw, uri: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if raw.class_names:
        labels = raw.y.astype(np.int64)
        names = raw.class_names
    else:
        values = raw.y
        if values.dtype.kind == "f":
            if not np.all(np.isfinite(values)):
                raise DatasetError(f"{uri}: the target has empty values; fill or drop those rows")
            if np.any(values != np.round(values)):
                raise DatasetError(f"{uri}: the target has fractions, so it is no class; use the regressor recipe")
            values = values.astype(np.int64)
        unique, labels = np.unique(values, return_inverse=True)
        names = tuple(str(value) for value in unique.tolist())
    present = len(np.unique(labels))
    if present < 2:  # noqa: PLR2004 - one class leaves nothing to learn
        raise DatasetError(f"{uri}: the target has only {present} class; a classifier needs two or more")
    if len(names) > _MAX_CLASSES:
        raise DatasetError(f"{uri}: the target has {len(names)} classes; at most {_MAX_CLASSES} are possible")
    return labels.astype(np.int64), names


def _targets(raw: Raw, uri: str) -> np.ndarray:
    if raw.y.dtype.kind not in "iufb":
        raise DatasetError(
            f"{uri}: the target is text, not a number; use the classifier recipe or another target column"
        )
    targets = np.ascontiguousarray(raw.y, dtype=np.float32)
    if not np.all(np.isfinite(targets)):
        raise DatasetError(f"{uri}: the target has empty or infinite values; fill or drop those rows")
    return targets
