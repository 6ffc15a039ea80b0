# ruff: noqa: INP001 - a program, not a package
"""XGBoost on handwritten digits as .ubj, and LightGBM on wines as .txt: files without any pickle.

python boosted_trees.py FOLDER
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import xgboost
from sklearn.datasets import load_digits, load_wine


def main(folder: Path) -> None:
    """Train both, and write for each the model, examples for the comparison, a request and the answer that is right."""
    digits = load_digits()
    trees = xgboost.XGBClassifier(n_estimators=20, max_depth=4, random_state=0).fit(digits.data, digits.target)
    (folder / "xgboost").mkdir(parents=True, exist_ok=True)
    trees.save_model(folder / "xgboost" / "digits.ubj")
    write(folder / "xgboost", digits.data, digits.data[:5], trees.predict_proba(digits.data[:5]))

    wines = load_wine()
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "seed": 0, "deterministic": True}
    booster = lightgbm.train(settings, lightgbm.Dataset(wines.data, wines.target), num_boost_round=20)
    (folder / "lightgbm").mkdir(parents=True, exist_ok=True)
    booster.save_model(folder / "lightgbm" / "wines.txt")
    rows = wines.data[::40].astype(np.float32)
    write(folder / "lightgbm", wines.data, rows, np.asarray(booster.predict(rows)))


def write(folder: Path, examples: np.ndarray, rows: np.ndarray, probabilities: np.ndarray) -> None:
    """Write what lies beside a model."""
    np.savez(folder / "samples.npz", x=examples)
    (folder / "request.json").write_text(json.dumps({"input_data": rows.tolist(), "probabilities": True}))
    answer = {"prediction": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
