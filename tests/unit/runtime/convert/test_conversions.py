"""Real model files, each written by its own library from real data: converted, compared, and served with right answers.

The libraries live in an environment of their own (``environment.py``); serving happens in this one, as in a cluster.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.unit.runtime.convert.environment import ROOT, ensure_python, run
from tests.unit.runtime.serve.process import started

from slipway_runtime.artifact import Task, read_package
from slipway_runtime.spec.summary import Outcome, Summary

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples" / "formats"
CONVERT = "from slipway_runtime.convert.main import main; main()"
DIGITS = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class Case:
    """A script of the examples, the model that it writes, and what must become of it."""

    script: str
    model: str
    format: str
    task: Task = Task.CLASSIFICATION
    classes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    samples: str | None = None
    """Examples that lie beside the model, for a second conversion that is compared on them."""

    @property
    def folder(self) -> Path:
        return Path(self.model).parent


NAMED = ("--classes", ",".join(DIGITS))
CASES = {
    "sklearn-text": Case(
        "sklearn_text", "tickets.joblib", "sklearn", classes=("billing", "delivery", "login"), samples="samples.txt"
    ),
    "sklearn-pickle": Case(
        "sklearn_table", "classifier/iris.pkl", "sklearn", classes=("setosa", "versicolor", "virginica")
    ),
    "sklearn-regressor": Case("sklearn_table", "regressor/diabetes.joblib", "sklearn", Task.REGRESSION),
    "xgboost": Case("boosted_trees", "xgboost/digits.ubj", "xgboost", classes=DIGITS, samples="samples.npz"),
    "lightgbm": Case("boosted_trees", "lightgbm/wines.txt", "lightgbm"),
    "keras": Case("keras_digits", "digits.keras", "keras", classes=DIGITS, options=NAMED, samples="samples.npz"),
    "keras-h5": Case("keras_digits", "digits.h5", "keras", classes=DIGITS, options=NAMED),
    "saved-model": Case("keras_digits", "digits-saved-model", "tensorflow", classes=DIGITS, options=NAMED),
    "torch-export": Case("torch_digits", "digits.pt2", "torch-export", classes=DIGITS, options=NAMED),
    "torchscript": Case(
        "torch_digits", "digits.pt", "torchscript", classes=DIGITS, options=(*NAMED, "--input-shape", "8,8")
    ),
    "safetensors": Case("torch_digits", "digits-weights", "safetensors", classes=DIGITS, options=NAMED),
    "onnx": Case("onnx_external", "iris", "onnx"),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Run a script of the examples, once, and give its folder. The environment is made before any test's time runs."""
    ensure_python()
    folders: dict[str, Path] = {}

    def make(script: str) -> Path:
        if script not in folders:
            folder = tmp_path_factory.mktemp(script)
            done = run(EXAMPLES / f"{script}.py", folder)
            assert done.returncode == 0, done.stderr[-3000:]
            folders[script] = folder
        return folders[script]

    return make


def convert(source: Path, output: Path, *options: str) -> tuple[int, Summary]:
    last = output.with_suffix(".last")
    done = run(
        "-c", CONVERT, "--source", str(source), "--output", str(output), *options, SLIPWAY_TERMINATION_LOG=str(last)
    )
    assert last.exists(), done.stderr[-3000:]
    return done.returncode, Summary.model_validate_json(last.read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_a_model_is_converted_and_served(name: str, made: Callable[[str], Path], tmp_path: Path) -> None:
    case = CASES[name]
    source = made(case.script) / case.model
    beside = made(case.script) / case.folder
    options = [*case.options, *(("--allow-pickle",) if case.format == "sklearn" else ())]
    code, summary = convert(source, tmp_path / "made-up", *options)
    assert code == 0, summary.message
    if case.samples is not None:
        code, summary = convert(source, tmp_path / "given", *options, "--samples", str(beside / case.samples))
        assert code == 0, summary.message
        assert "given examples" in summary.message
        # What is compared does not change what is published.
        given = (tmp_path / "given" / "model.onnx").read_bytes()
        assert given == (tmp_path / "made-up" / "model.onnx").read_bytes()

    manifest = read_package(tmp_path / "made-up")
    assert manifest.task is case.task
    assert manifest.classes == case.classes
    assert manifest.signature.inputs[0].shape[0] == -1
    assert manifest.lineage.source is not None
    assert manifest.lineage.source.format == case.format
    assert manifest.lineage.versions["slipway-convert"]
    check_served(tmp_path / "made-up", beside)


def check_served(package: Path, beside: Path) -> None:
    """What the server answers is what the source's own library answered when the model was made."""
    answer = json.loads((beside / "answer.json").read_text())
    with started(package.parent, "--model", f"m={package}", "--drain-grace", "0") as served:
        served.wait_ready()
        response = httpx.post(f"{served.url}/predict", content=(beside / "request.json").read_bytes())
    assert response.status_code == 200, response.text
    found = response.json()
    if "probabilities" in answer:
        np.testing.assert_allclose(found["probabilities"], answer["probabilities"], atol=1e-4)
        assert [str(one) for one in found["prediction"]] == [str(one) for one in answer["prediction"]]
    else:
        np.testing.assert_allclose(found["prediction"], answer["prediction"], rtol=1e-4)


LAMBDA = """
import keras, sys
model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
model.save(sys.argv[1])
"""
WEIGHTS = """
import keras, sys
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.save_weights(sys.argv[1])
"""
SCALER = """
import joblib, sys
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
joblib.dump(StandardScaler().fit(load_iris().data), sys.argv[1])
"""
UNFITTED = """
import joblib, sys
from sklearn.linear_model import LogisticRegression
joblib.dump(LogisticRegression(), sys.argv[1])
"""
NEWER = """
import pickle, sys
open(sys.argv[1], "wb").write(b"\\x80\\x04\\x8c\\x0fsklearn.unknown\\x94\\x8c\\x05Thing\\x94\\x93\\x94)\\x81\\x94.")
"""
SCRIPT = """
import torch, sys
torch.jit.save(torch.jit.script(torch.nn.Linear(4, 2)), sys.argv[1])
"""
PICKLED_WEIGHT = """
import io, os, sys, zipfile, pathlib, torch
class Trap:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(sys.argv[1] + ".opened"),)
program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(2, 2),))
torch.export.save(program, sys.argv[1] + ".whole")
content = io.BytesIO()
torch.save(Trap(), content)
with zipfile.ZipFile(sys.argv[1] + ".whole") as source, zipfile.ZipFile(sys.argv[1], "w") as target:
    for name in source.namelist():
        inner = name.rpartition("/")[2]
        trapped = "sample_inputs" in name and inner.endswith(".pt")
        target.writestr(name, content.getvalue() if trapped else source.read(name))
"""
SHAPELESS = """
import numpy as np, sys, torch
torch.jit.save(torch.jit.script(torch.nn.Linear(4, 2)), sys.argv[1])
np.save(sys.argv[1] + ".npy", np.ones((5, 4)))
"""
REFUSED = {
    "lambda": (LAMBDA, "m.keras", (), "allowPickle"),
    "lambda in h5": (LAMBDA, "m.h5", (), "allowPickle"),
    "weights only": (WEIGHTS, "m.weights.h5", (), "model.save"),
    "no model": (SCALER, "m.joblib", ("--allow-pickle",), "neither classifies nor regresses"),
    "unfitted": (UNFITTED, "m.joblib", ("--allow-pickle",), "is not fitted"),
    "unknown class": (NEWER, "m.pkl", ("--allow-pickle",), "sklearn.unknown"),
    "no shape": (SCRIPT, "m.pt", (), "set inputShape"),
    "wrong shape": (SCRIPT, "m.pt", ("--input-shape", "3"), "correct inputShape"),
    "pickle in a torch archive": (PICKLED_WEIGHT, "m.pt2", (), "does not load"),
}


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_refused_with_a_remedy(name: str, tmp_path: Path) -> None:
    program, file, options, words = REFUSED[name]
    done = run("-c", program, str(tmp_path / file))
    assert done.returncode == 0, done.stderr[-3000:]
    code, summary = convert(tmp_path / file, tmp_path / "out", *options)
    assert code == 64, summary.message
    assert words in summary.message
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / f"{file}.opened").exists()


LINEAR = """
import joblib, sys
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
joblib.dump(model, sys.argv[1])
"""
# The graph is made of the coefficients; a source that does not answer by them must be noticed.
OTHERWISE = """
from sklearn.linear_model import LogisticRegression
own = LogisticRegression.predict_proba
LogisticRegression.predict_proba = lambda self, x: own(self, x + 0.05)
from slipway_runtime.convert.main import main
main()
"""


@pytest.mark.usefixtures("made")
def test_another_answer_is_a_mismatch_that_names_the_worst_element(tmp_path: Path) -> None:
    assert run("-c", LINEAR, str(tmp_path / "m.joblib")).returncode == 0
    done = run(
        "-c",
        OTHERWISE,
        *("--source", str(tmp_path / "m.joblib"), "--output", str(tmp_path / "out"), "--allow-pickle"),
        SLIPWAY_TERMINATION_LOG=str(tmp_path / "last"),
    )
    summary = Summary.model_validate_json((tmp_path / "last").read_bytes())
    assert (done.returncode, summary.outcome) == (65, Outcome.CONVERSION_MISMATCH)
    assert "output probabilities at [" in summary.message
    assert "permits 0.0001 + 0.001" in summary.message
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("made")
def test_samples_tell_torchscript_its_shape(tmp_path: Path) -> None:
    assert run("-c", SHAPELESS, str(tmp_path / "m.pt")).returncode == 0
    code, summary = convert(tmp_path / "m.pt", tmp_path / "out", "--samples", str(tmp_path / "m.pt.npy"))
    assert code == 0, summary.message
    manifest = read_package(tmp_path / "out")
    assert [one.shape for one in manifest.signature.inputs] == [(-1, 4)]
    assert [one.shape for one in manifest.signature.outputs] == [(-1, 2)]
    assert manifest.task is Task.OTHER


HISTOGRAM = """
import joblib, sys
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
x, y = load_diabetes(return_X_y=True)
joblib.dump(HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(x, y), sys.argv[1])
np.save(sys.argv[1] + ".npy", x)
"""


@pytest.mark.usefixtures("made")
def test_examples_on_the_thresholds_of_trees_stay_on_their_side(tmp_path: Path) -> None:
    # Thresholds are values of the training examples themselves, so that rounding one the wrong way moves many.
    assert run("-c", HISTOGRAM, str(tmp_path / "m.joblib")).returncode == 0
    samples = ("--samples", str(tmp_path / "m.joblib.npy"))
    code, summary = convert(tmp_path / "m.joblib", tmp_path / "out", "--allow-pickle", *samples)
    assert code == 0, summary.message
