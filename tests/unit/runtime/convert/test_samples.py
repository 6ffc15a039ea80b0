"""Examples to compare on: given ones are fitted to the model, invented ones are the same every time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway_runtime.artifact import Signature, TensorSpec
from slipway_runtime.convert.samples import ROWS, Hints, fit_samples, make_samples, read_samples
from slipway_runtime.run.errors import ConfigError


def signature(*inputs: tuple[str, str, tuple[int, ...]]) -> Signature:
    specs = tuple(TensorSpec(name=name, dtype=dtype, shape=shape) for name, dtype, shape in inputs)
    return Signature(inputs=specs, outputs=(TensorSpec(name="out", dtype="float32", shape=(-1,)),))


IMAGE = signature(("pixels", "float32", (-1, 2, 2, 1)))
TEXT = signature(("input", "string", (-1,)))


@pytest.mark.parametrize(
    ("name", "content", "wanted", "shape"),
    [
        ("x.csv", "a,b,c,d\n1,2,3,4\n5,6,7,8\n", IMAGE, (2, 2, 2, 1)),
        ("x.csv", "1,2,3,4\n", IMAGE, (1, 2, 2, 1)),
        ("x.txt", "one text\nanother\n", TEXT, (2,)),
    ],
)
def test_text_files(name: str, content: str, wanted: Signature, shape: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    feeds = fit_samples(read_samples(tmp_path / name, name), wanted, name)
    (array,) = feeds.values()
    assert array.shape == shape


def test_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.arange(8).reshape(2, 4), y=np.array([0, 1]))
    np.save(tmp_path / "x.npy", np.arange(8.0).reshape(2, 2, 2))
    for name in ("x.npz", "x.npy"):
        feeds = fit_samples(read_samples(tmp_path / name, name), IMAGE, name)
        assert feeds["pixels"].dtype == np.float32
        np.testing.assert_array_equal(feeds["pixels"].ravel(), np.arange(8))


def test_pickled_samples_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="does not read as samples"):
        read_samples(tmp_path / "x.npy", "x.npy")


@pytest.mark.parametrize(
    ("given", "wanted", "words"),
    [
        ({"": np.zeros((2, 5))}, IMAGE, r"rows have shape \[5\], input pixels takes \[2, 2, 1\]"),
        ({"": np.zeros((0, 4))}, IMAGE, "no rows"),
        ({"a": np.zeros(2), "b": np.zeros(2)}, IMAGE, "no array 'pixels'"),
        ({"": np.array(["a", "b"])}, signature(("input", "float32", (-1,))), "holds <U1"),
        ({"": np.zeros((2, 4))}, signature(("input", "float32", (3, 4))), "has 2 rows, the model takes 3"),
        (
            {"a": np.zeros(2), "b": np.zeros(3)},
            signature(("a", "float32", (-1,)), ("b", "float32", (-1,))),
            "different numbers",
        ),
    ],
)
def test_samples_that_do_not_fit(given: dict[str, Any], wanted: Signature, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fit_samples(given, wanted, "samples")


def test_invented_examples_fit_and_repeat() -> None:
    wanted = signature(
        ("x", "float32", (-1, 3, -1)), ("ids", "int64", (-1, 2)), ("on", "bool", (-1,)), ("fixed", "float32", (4, 2))
    )
    one, other = (make_samples(wanted, Hints(), 8) for _ in range(2))
    assert {name: array.shape for name, array in one.items()} == {
        "x": (ROWS, 3, 8),
        "ids": (ROWS, 2),
        "on": (ROWS,),
        "fixed": (4, 2),
    }
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    assert one["x"].max() > 100
    assert np.abs(one["x"][0]).max() < 10


def test_invented_texts_use_the_models_words() -> None:
    texts = make_samples(TEXT, Hints(words=("quark",)), 8)["input"]
    assert "" in texts
    assert any("quark" in text for text in texts)


def test_invented_examples_lie_where_the_model_was_trained() -> None:
    hints = Hints(centre=np.array([1000.0, -5.0]), spread=np.array([1.0, 0.1]))
    made = make_samples(signature(("x", "float32", (-1, 2))), hints, 8)["x"]
    assert made[:, 0].min() > 990
    assert -6 < made[:, 1].mean() < -4
