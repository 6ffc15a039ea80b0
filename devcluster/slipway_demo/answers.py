"""Ask the served model about digits it never saw, and set its answers beside the truth."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from slipway_demo.install import Target
from slipway_runtime.datasets import load, split
from slipway_runtime.spec.dataset import DatasetSource

SHADES = " .:-=+*#%@"


@contextmanager
def forwarded(target: Target, namespace: str, service: str) -> Iterator[str]:
    """A local URL of a Service, by ``kubectl port-forward`` (works on every cluster)."""
    command = [target.kubectl, "--kubeconfig", str(target.kubeconfig), "port-forward"]
    command += ["--namespace", namespace, f"service/{service}", ":80"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None  # noqa: S101 - PIPE was asked for
    try:
        first = process.stdout.readline()
        port = re.search(r":(\d+) ->", first)
        if port is None:
            raise ConnectionError(f"kubectl port-forward said: {first.strip()}")
        yield f"http://127.0.0.1:{port[1]}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def show_answers(url: str, model: str, seed: int = 0, count: int = 5) -> float:
    """Send every held-out digit, print a few as pictures with answer and truth, and return the accuracy."""
    data = load(DatasetSource(uri="builtin://digits"))
    _, held_out = split(data, 0.2, seed)
    shape = _input_shape(url, model)
    images, truth = data.x[held_out], [data.classes[int(label)] for label in data.y[held_out]]
    answers: list[str] = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for begin in range(0, len(images), 64):
            rows = images[begin : begin + 64].reshape(-1, *shape)
            reply = client.post("/predict", json={"input_data": rows.tolist()})
            reply.raise_for_status()
            answers += [str(answer) for answer in reply.json()["prediction"]]
    for row in range(count):
        picture = images[row].reshape(8, 8)
        print(
            "\n".join(
                "      " + "".join(SHADES[min(9, int(value / 16 * 9.99))] * 2 for value in line) for line in picture
            )
        )
        verdict = "right" if answers[row] == truth[row] else "WRONG"
        print(f"      answer {answers[row]}   truth {truth[row]}   {verdict}\n")
    right = sum(answer == label for answer, label in zip(answers, truth, strict=True))
    print(f"    {right} of {len(truth)} held-out digits right: accuracy {right / len(truth):.4f}")
    return right / len(truth)


def _input_shape(url: str, model: str) -> tuple[int, ...]:
    metadata: dict[str, Any] = httpx.get(f"{url}/v2/models/{model}", timeout=30).raise_for_status().json()
    return tuple(int(size) for size in metadata["inputs"][0]["shape"][1:])
