from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet
from tests.store_gateway import Gateway

from slipway_runtime.datasets import Dataset, DatasetError, load, split
from slipway_runtime.datasets.dataset import digest_of
from slipway_runtime.spec.dataset import DatasetFormat, DatasetSource
from slipway_runtime.storage.uri import Mounts

CSV = "a,b,species\n1,2.5,oak\n3,4,elm\n5,6,oak\n7,8,elm\n"


def from_csv(tmp_path: Path, text: str, *, target: str = "species", classification: bool | None = True) -> Dataset:
    (tmp_path / "t.csv").write_text(text)
    source = DatasetSource(uri=f"file://{tmp_path}/t.csv", target=target)
    return load(source, classification=classification)


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 8, 8), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast-cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
    ],
)
def test_builtin(name: str, shape: tuple[int, ...], classes: int) -> None:
    found = load(DatasetSource(uri=f"builtin://{name}"))
    assert found.x.shape == shape
    assert found.x.dtype == np.float32
    assert found.y.dtype == (np.int64 if classes else np.float32)
    assert len(found.classes) == classes
    assert found.digest == load(DatasetSource(uri=f"builtin://{name}")).digest


def test_unknown_builtin_lists_the_known() -> None:
    with pytest.raises(DatasetError, match=r"builtin://mnist: .*use one of builtin://digits, "):
        load(DatasetSource(uri="builtin://mnist"))


def test_csv(tmp_path: Path) -> None:
    found = from_csv(tmp_path, CSV)
    assert found.x.tolist() == [[1, 2.5], [3, 4], [5, 6], [7, 8]]
    assert found.y.tolist() == [1, 0, 1, 0]
    assert found.classes == ("elm", "oak")
    assert found.feature_names == ("a", "b")


def test_csv_and_parquet_of_equal_data_have_one_digest(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 3, 5, 7], "b": [2.5, 4, 6, 8], "species": ["oak", "elm", "oak", "elm"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert (
        load(DatasetSource(uri=f"file://{tmp_path}/t.parquet", target="species")).digest
        == from_csv(tmp_path, CSV).digest
    )


def test_number_targets(tmp_path: Path) -> None:
    found = from_csv(tmp_path, "a,y\n1,0.5\n2,1.5\n", target="y", classification=None)
    assert found.classes == ()
    assert found.y.tolist() == [0.5, 1.5]


def test_whole_numbers_are_targets_for_a_regressor(tmp_path: Path) -> None:
    assert from_csv(tmp_path, "a,y\n1,3\n2,4\n", target="y", classification=False).y.tolist() == [3.0, 4.0]


def test_booleans_are_classes(tmp_path: Path) -> None:
    found = from_csv(tmp_path, "a,y\n1,true\n2,false\n", target="y")
    assert found.classes == ("0", "1")


@pytest.mark.parametrize(
    ("text", "target", "classification", "message"),
    [
        (CSV, "kind", True, "there is no column 'kind'; set dataset.target to one of: a, b, species"),
        ("a,b,species\n", "species", True, "has no rows"),
        ("", "species", True, "does not read as csv"),
        ("a,species\n1,oak\n2\n", "species", True, "does not read as csv"),
        ("species\noak\nelm\n", "species", True, "has no column besides 'species'"),
        ("a,species\n1,oak\n,elm\n", "species", True, "column 'a' has 1 empty values, the first in row 1"),
        ("a,species\n1,oak\ninf,elm\n", "species", True, "1 values are NaN or infinite, the first in row 1, column a"),
        ("a,species\nred,oak\nblue,elm\n", "species", True, "column 'a' is string, not a number"),
        ("a,species\n1,oak\n2,oak\n", "species", True, "only 1 class; a classifier needs two or more"),
        ("a,y\n1,0.5\n2,1.5\n", "y", True, "has fractions, so it is no class; use the regressor recipe"),
        ("a,y\n1,oak\n2,elm\n", "y", False, "text, not a number; use the classifier recipe"),
        ("a,y\n1,1\n2,\n", "y", False, "target 'y' has 1 empty values"),
        ("a,y\n1,1.5\n2,inf\n", "y", False, "has empty or infinite values"),
    ],
)
def test_bad_tables_say_what_to_do(
    text: str, target: str, message: str, tmp_path: Path, *, classification: bool
) -> None:
    with pytest.raises(DatasetError) as caught:
        from_csv(tmp_path, text, target=target, classification=classification)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"file://{tmp_path}/t.csv: ")


def save(tmp_path: Path, **arrays: object) -> DatasetSource:
    np.savez(tmp_path / "d.npz", allow_pickle=True, **{name: np.asarray(value) for name, value in arrays.items()})
    return DatasetSource(uri=f"file://{tmp_path}/d.npz")


def test_npz_with_names(tmp_path: Path) -> None:
    found = load(save(tmp_path, x=np.ones((4, 2, 3)), y=[0, 1, 0, 1], classes=["no", "yes"]))
    assert found.x.shape == (4, 2, 3)
    assert found.classes == ("no", "yes")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": [[1.0]]}, "array y is missing"),
        ({"x": [[1.0], [2.0]], "y": [1]}, "2 examples but 1 answers"),
        ({"x": [1.0, 2.0], "y": [0, 1]}, "x has shape (2,)"),
        ({"x": [["a"], ["b"]], "y": [0, 1]}, "must hold numbers"),
        ({"x": [[1.0], [2.0]], "y": [[0], [1]]}, "y has shape (2, 1)"),
        ({"x": [[1.0], [2.0]], "y": [0, 2], "classes": ["a", "b"]}, "indices into the 2 names"),
        ({"x": np.ones((0, 3)), "y": np.ones(0, dtype=np.int64)}, "there are no examples"),
        ({"x": [[np.inf], [2.0]], "y": [0, 1]}, "NaN or infinite, the first in row 0"),
    ],
)
def test_bad_npz(arrays: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        load(save(tmp_path, **arrays))
    assert message in str(caught.value)


def test_pickles_are_never_run(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"does not read as \.npz"):
        load(save(tmp_path, x=np.asarray([[object()]], dtype=object), y=[0]))


def image(path: Path, value: int, mode: str = "L", size: tuple[int, int] = (4, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value, 0, 0)).save(path)


def test_images_by_folder(tmp_path: Path) -> None:
    image(tmp_path / "cat" / "1.png", 10)
    image(tmp_path / "dog" / "deep" / "1.png", 20)
    found = load(DatasetSource(uri=f"file://{tmp_path}"))
    assert found.x.shape == (2, 6, 4)
    assert found.x[:, 0, 0].tolist() == [10, 20]
    assert found.classes == ("cat", "dog")


def test_one_coloured_image_makes_all_rgb(tmp_path: Path) -> None:
    image(tmp_path / "cat" / "1.png", 10)
    image(tmp_path / "dog" / "1.png", 20, "RGB")
    found = load(DatasetSource(uri=f"file://{tmp_path}"))
    assert found.x.shape == (2, 3, 6, 4)
    assert found.x[1, :, 0, 0].tolist() == [20, 0, 0]


def test_bad_image_folders(tmp_path: Path) -> None:
    source = DatasetSource(uri=f"file://{tmp_path}/set", format=DatasetFormat.IMAGES)
    with pytest.raises(DatasetError, match="there is no such folder"):
        load(source)
    image(tmp_path / "set" / "cat" / "1.png", 10)
    (tmp_path / "set" / "dog").mkdir()
    with pytest.raises(DatasetError, match="class folder 'dog' has no images"):
        load(source)
    image(tmp_path / "set" / "dog" / "1.png", 10, size=(5, 5))
    with pytest.raises(DatasetError, match=r"images differ in size: cat/1\.png .*dog/1\.png"):
        load(source)
    (tmp_path / "set" / "dog" / "1.png").write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"dog/1\.png is not a readable image"):
        load(source)


def test_objects_of_a_bucket_with_their_own_secret(store_gateway: Gateway, tmp_path: Path) -> None:
    bucket = store_gateway.bucket("data-test")
    (bucket / "t.csv").write_text(CSV)
    image(bucket / "set" / "cat" / "1.png", 10)
    image(bucket / "set" / "dog" / "1.png", 20)
    (tmp_path / "mine").symlink_to(store_gateway.credentials("s3://unused"))
    mounts = Mounts(secrets=tmp_path)
    table = load(DatasetSource(uri="s3://data-test/t.csv", target="species", secret_name="mine"), mounts)
    assert table.digest == from_csv(tmp_path, CSV).digest
    images = load(DatasetSource(uri="s3://data-test/set", secret_name="mine"), mounts)
    assert images.classes == ("cat", "dog")


def dataset(labels: list[int]) -> Dataset:
    x = np.arange(len(labels), dtype=np.float32).reshape(-1, 1)
    y = np.asarray(labels, dtype=np.int64)
    classes = tuple(str(label) for label in range(max(labels) + 1))
    return Dataset(x, y, classes, (), digest_of(x, y, classes, ()))


@settings(max_examples=80, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=8, max_size=60).filter(lambda found: max(map(found.count, found)) > 1),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**31 - 1),
)
def test_shares_are_whole_disjoint_and_stratified(labels: list[int], fraction: float, seed: int) -> None:
    data = dataset(labels)
    training, held_out = split(data, fraction, seed)
    assert sorted([*training, *held_out]) == list(range(len(labels)))
    assert training.tolist() == sorted(training)
    for label in set(labels):
        count = labels.count(label)
        held = int(np.sum(data.y[held_out] == label))
        assert held == (0 if count == 1 else min(max(round(count * fraction), 1), count - 1))
    again = split(data, fraction, seed)
    assert [part.tolist() for part in again] == [training.tolist(), held_out.tolist()]


def test_split_of_digits_is_fixed_for_all_releases() -> None:
    # A release that changes this evaluates old models on examples they were trained on.
    held_out = split(load(DatasetSource(uri="builtin://digits")), 0.2, 0)[1]
    assert len(held_out) == 359
    assert held_out[:8].tolist() == [5, 9, 12, 14, 16, 17, 19, 23]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(DatasetError, match="above 0 and below 1"):
        split(dataset([0, 1, 0, 1]), fraction, 0)


def test_too_few_examples() -> None:
    with pytest.raises(DatasetError, match="leaves a share empty"):
        split(dataset([0, 1, 2]), 0.2, 0)


def test_buffer_is_not_an_npz(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match=r"save it with numpy\.savez"):
        load(DatasetSource(uri=f"file://{tmp_path}/d.npz"))
