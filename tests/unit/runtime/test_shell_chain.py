"""From data to a compressed model with the programs alone, as a person runs them from a shell."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway_runtime.artifact import read_package

CLASSIFIERS = {
    "digits": ("0.90", {"hiddenSizes": [64], "epochs": 15}),
    "iris": ("0.80", {"hiddenSizes": [16], "epochs": 40, "learningRate": "0.01"}),
    "wine": ("0.85", {"hiddenSizes": [32], "epochs": 40, "learningRate": "0.01"}),
    "breast-cancer": ("0.90", {"hiddenSizes": [32], "epochs": 20}),
}
CASES: dict[str, tuple[dict[str, Any], str, list[dict[str, str]]]] = {
    f"{dataset}-{optimizer}-{schedule}": (
        {"classifier": {**recipe, "optimizer": optimizer, "schedule": schedule, "learningRate": rate}},
        dataset,
        [{"name": "accuracy", "min": least}],
    )
    for dataset, (least, recipe) in CLASSIFIERS.items()
    for optimizer, schedule, rate in (
        ("adamw", "cosine", "0.01"),
        ("adam", "constant", "0.01"),
        ("sgd", "cosine", "0.1"),
    )
}
CASES["digits-cnn"] = (
    {"classifier": {"architecture": "cnn", "epochs": 6, "learningRate": "0.003"}},
    "digits",
    [{"name": "accuracy", "min": "0.94"}],
)
CASES["diabetes-regressor"] = (
    {"regressor": {"hiddenSizes": [32], "epochs": 40, "learningRate": "0.01", "schedule": "cosine"}},
    "diabetes",
    [{"name": "r2", "min": "0.25"}],
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_data_becomes_gated_compressed_models(case: str, tmp_path: Path) -> None:
    recipe, dataset, bounds = CASES[case]
    data = {"uri": f"builtin://{dataset}"}
    trained = tmp_path / "trained"
    run("train", {"recipe": recipe, "dataset": data, "gate": {"metrics": bounds}}, tmp_path, "--output", trained)
    before = read_package(trained)
    for scheme in ("int8-dynamic", "int8-static"):
        compressed = tmp_path / scheme
        spec = {
            "passes": [{"quantize": {"scheme": scheme}}],
            "evaluation": {"dataset": data},
            "gate": {"metrics": [{"name": bounds[0]["name"], "maxDrop": "0.05"}]},
        }
        run("compress", spec, tmp_path, "--source", trained, "--output", compressed)
        after = read_package(compressed)
        assert after.digest != before.digest
        assert after.classes == before.classes
        assert after.lineage.parents == (before.digest,)


def run(program: str, spec: dict[str, Any], folder: Path, *arguments: str | Path) -> None:
    """Run a program of the package; what it said is shown when it fails."""
    file = folder / f"{program}.json"
    file.write_text(json.dumps(spec))
    environment = {**os.environ, "SLIPWAY_TERMINATION_LOG": str(folder / "last"), "SLIPWAY_CPUS": "1"}
    done = subprocess.run(
        [Path(sys.executable).parent / f"slipway-{program}", "--spec", file, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
