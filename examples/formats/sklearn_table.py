# ruff: noqa: INP001 - a program, not a package
"""Two scikit-learn estimators: a scaled classifier of irises as .pkl, and boosted trees for diabetes as .joblib.

python sklearn_table.py FOLDER
"""

import json
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

ROWS = 5


def main(folder: Path) -> None:
    """Train both, and write for each the model, examples for the comparison, a request and the answer that is right."""
    flowers = load_iris()
    names = np.array(flowers.target_names)[flowers.target]
    support = CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC(random_state=0)), ensemble=False)
    classifier = support.fit(flowers.data, names)
    (folder / "classifier").mkdir(parents=True, exist_ok=True)
    (folder / "classifier" / "iris.pkl").write_bytes(pickle.dumps(classifier))
    rows = flowers.data[::30].astype(np.float32)
    answer = {"prediction": classifier.predict(rows).tolist(), "probabilities": classifier.predict_proba(rows).tolist()}
    write(folder / "classifier", flowers.data, rows, answer)

    patients = load_diabetes()
    regressor = GradientBoostingRegressor(n_estimators=40, random_state=0).fit(patients.data, patients.target)
    (folder / "regressor").mkdir(parents=True, exist_ok=True)
    joblib.dump(regressor, folder / "regressor" / "diabetes.joblib", compress=3)
    rows = patients.data[:ROWS].astype(np.float32)
    write(folder / "regressor", patients.data, rows, {"prediction": regressor.predict(rows).tolist()})


def write(folder: Path, examples: np.ndarray, rows: np.ndarray, answer: dict[str, object]) -> None:
    """Write what lies beside a model."""
    np.savez(folder / "samples.npz", x=examples)
    (folder / "request.json").write_text(
        json.dumps({"input_data": rows.tolist(), "probabilities": "probabilities" in answer})
    )
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
