"""The examples, applied as they are after what their READMEs ask for; `digits` is the chain's own test."""

from pathlib import Path

import numpy as np
import yaml
from tests.e2e import bucket
from tests.e2e.world import World

from slipway_runtime.datasets import load
from slipway_runtime.spec.dataset import DatasetSource


async def test_examples_are_ready_and_answer_after_what_their_readmes_ask_for(world: World, examples: Path) -> None:
    table, program = examples / "tabular", examples / "own-program"
    await bucket.with_own_key(world, "datasets", (table / "houses.csv",), secret="houses-bucket")
    _build(world, program)
    world.kubectl("apply", "-f", str(table), "-f", str(program))

    served = world.wait_ready("modelservice", "wine")
    assert served["status"]["active"]["digest"] == world.get("trainingjob", "wine")["status"]["artifact"]["digest"]
    wines = load(DatasetSource(uri="builtin://wine"))
    cultivars = [wines.classes[int(label)] for label in wines.y]
    answers = world.predict("wine", wines.x.tolist())
    assert np.mean([str(answer) == cultivar for answer, cultivar in zip(answers, cultivars, strict=True)]) >= 0.9

    world.wait_ready("modelservice", "house-prices")
    houses = np.loadtxt(table / "houses.csv", delimiter=",", skiprows=1)[:60]
    prices = houses[:, -1]
    estimates = np.array(world.predict("house-prices", houses[:, :-1].tolist()))
    assert 1 - np.sum((estimates - prices) ** 2) / np.sum((prices - prices.mean()) ** 2) >= 0.6


def _build(world: World, folder: Path) -> None:
    """Build the user's image on top of the installed training image, and have it where the nodes find it."""
    cluster = world.target.cluster
    assert cluster is not None
    image = yaml.safe_load((folder / "trainingjob.yaml").read_text())["spec"]["program"]["image"]
    cluster.build_folder(folder, image, {"BASE": world.target.images["slipway-train"]})
    cluster.load(image)
