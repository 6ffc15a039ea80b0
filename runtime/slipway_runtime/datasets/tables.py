"""Tables and array files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from slipway_runtime.datasets.dataset import DatasetError
from slipway_runtime.datasets.raw import Raw
from slipway_runtime.spec.dataset import DatasetFormat


def load_npz(path: Path, uri: str) -> Raw:
    """Read arrays ``x`` and ``y``, and label names ``classes`` if there. Pickled objects are refused.

    Raises:
        DatasetError: It is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = {"x", "y"} - set(arrays.files)
            if missing:
                raise DatasetError(
                    f"{uri}: array {', '.join(sorted(missing))} is missing (there are: {', '.join(arrays.files)}); "
                    "save with numpy.savez(path, x=…, y=…)"
                )
            x, y = arrays["x"], arrays["y"]
            names = tuple(str(name) for name in arrays["classes"].tolist()) if "classes" in arrays.files else ()
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(f"{uri}: does not read as .npz ({error}); save it with numpy.savez") from error
    if x.dtype.kind not in "iufb":
        raise DatasetError(f"{uri}: x has type {x.dtype}; it must hold numbers")
    if y.ndim != 1:
        raise DatasetError(f"{uri}: y has shape {y.shape}; it must be [n], one answer an example")
    if names and (y.dtype.kind not in "iu" or (len(y) and not 0 <= int(y.min()) <= int(y.max()) < len(names))):
        raise DatasetError(f"{uri}: y must hold indices into the {len(names)} names of classes")
    return Raw(x, y, discrete=y.dtype.kind in "iubUS", class_names=names)


def load_table(path: Path, uri: str, layout: DatasetFormat, target: str) -> Raw:
    """Read a CSV or Parquet file: one column is the answer, every other is a number.

    Raises:
        DatasetError: It does not read, has no such column, or a feature is text.
    """
    table = _read_table(path, uri, layout)
    if target not in table.column_names:
        shown = ", ".join(table.column_names[:20])
        raise DatasetError(f"{uri}: there is no column {target!r}; set dataset.target to one of: {shown}")
    if table.num_rows == 0:
        raise DatasetError(f"{uri}: the table has no rows; check dataset.uri")
    features = [name for name in table.column_names if name != target]
    if not features:
        raise DatasetError(f"{uri}: the table has no column besides {target!r}; features are missing")
    columns = [_numbers(table.column(name), name, uri) for name in features]
    y, discrete = _answers(table.column(target), target, uri)
    return Raw(np.stack(columns, axis=1), y, discrete=discrete, feature_names=tuple(features))


def _read_table(path: Path, uri: str, layout: DatasetFormat) -> Any:
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        return csv.read_csv(path) if layout is DatasetFormat.CSV else parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(
            f"{uri}: does not read as {layout.value} ({line}); check the file and dataset.format"
        ) from error


def _numbers(column: Any, name: str, uri: str) -> np.ndarray:
    import pyarrow as pa

    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):
        raise DatasetError(
            f"{uri}: column {name!r} is {kind}, not a number; encode it as numbers, drop it, or make it dataset.target"
        )
    if column.null_count:
        row = column.is_null().index(pa.scalar(True)).as_py()  # noqa: FBT003 - pyarrow's own signature
        raise DatasetError(
            f"{uri}: column {name!r} has {column.null_count} empty values, the first in row {row}; fill or drop them"
        )
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _answers(column: Any, name: str, uri: str) -> tuple[np.ndarray, bool]:
    import pyarrow as pa

    if column.null_count:
        raise DatasetError(f"{uri}: target {name!r} has {column.null_count} empty values; fill or drop those rows")
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.to_pylist(), dtype=np.str_), True
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.to_numpy()).astype(np.int64), True
    if pa.types.is_floating(kind):
        return np.asarray(column.to_numpy(), dtype=np.float64), False
    raise DatasetError(f"{uri}: target {name!r} is {kind}; use numbers or text")
