# ruff: noqa: INP001 - a program, not a package
"""A scikit-learn pipeline: twenty lines of text, words counted and weighed, a linear classifier; as .joblib.

python sklearn_text.py FOLDER
"""

import json
import sys
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

LINES = (
    ("billing", "I was charged twice for the same order"),
    ("billing", "please send me the invoice for March"),
    ("billing", "the refund has not arrived on my card"),
    ("billing", "why is the price higher than on the page"),
    ("billing", "my payment was declined, the card is valid"),
    ("billing", "I need a receipt with our company's name"),
    ("billing", "cancel my subscription and refund the rest"),
    ("delivery", "the parcel has not arrived yet"),
    ("delivery", "where is my order, the tracking stands still"),
    ("delivery", "the driver left the parcel in the rain"),
    ("delivery", "can you deliver to another address"),
    ("delivery", "the box was open and half of it missing"),
    ("delivery", "I got somebody else's parcel"),
    ("delivery", "deliver after six please, I am at work"),
    ("login", "I cannot log in since this morning"),
    ("login", "the password reset mail never comes"),
    ("login", "my account is locked after three attempts"),
    ("login", "the code from the app is not accepted"),
    ("login", "change the mail address of my account"),
    ("login", "I forgot which user name I have"),
)
QUESTIONS = ["the card was charged but no invoice came", "my parcel is lost", "I forgot my password"]


def main(folder: Path) -> None:
    """Train, and write the model, examples for the comparison, a request and the answer that is right."""
    folder.mkdir(parents=True, exist_ok=True)
    labels, texts = zip(*LINES, strict=True)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10.0)).fit(texts, labels)
    joblib.dump(model, folder / "tickets.joblib")
    (folder / "samples.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (folder / "request.json").write_text(json.dumps({"input_data": QUESTIONS, "probabilities": True}))
    answer = {
        "prediction": model.predict(QUESTIONS).tolist(),
        "probabilities": model.predict_proba(QUESTIONS).tolist(),
    }
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
