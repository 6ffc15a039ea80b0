# ruff: noqa: INP001 - a program, not a package
"""A small Keras CNN on handwritten digits, saved three ways: .keras, .h5, and as a TensorFlow SavedModel.

python keras_digits.py FOLDER
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits

EPOCHS = 4


def main(folder: Path) -> None:
    """Train once, and write the model in each format, examples for the comparison, a request and the right answer."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    pictures = digits.images[..., np.newaxis].astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="picture"),
            keras.layers.Rescaling(1 / 16),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures, digits.target, epochs=EPOCHS, batch_size=64, verbose=0)
    model.save(folder / "digits.keras")
    model.save(folder / "digits.h5")
    model.export(folder / "digits-saved-model", verbose=False)
    np.savez(folder / "samples.npz", x=pictures[:200])
    rows = pictures[:5]
    probabilities = np.asarray(model(rows, training=False))
    (folder / "request.json").write_text(
        json.dumps({"input_data": rows.reshape(len(rows), -1).tolist(), "probabilities": True})
    )
    answer = {"prediction": probabilities.argmax(axis=1).tolist(), "probabilities": probabilities.tolist()}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
