"""A file of another library, named by its URI: converted with proof, then served like any other."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.e2e import bucket
from tests.e2e.world import World

from slipway_demo.install import Target

pytestmark = pytest.mark.slow

IMAGE = "slipway-convert"


@pytest.fixture
def converting(target: Target) -> Iterator[None]:
    """The install with the converters' image, which is built on request only."""
    assert target.cluster is not None
    (reference,) = target.cluster.build_images((IMAGE,)).values()
    target.cluster.load(reference)
    repository, _, tag = reference.rpartition(":")
    target.install(values=[f"images.convert.repository={repository}", f"images.convert.tag={tag}"])
    yield
    target.install()


@pytest.mark.usefixtures("converting")
@pytest.mark.timeout(1800)
async def test_a_pickled_pipeline_is_served_with_its_class_names(world: World, tmp_path: Path) -> None:
    iris = load_iris()
    names = iris.target_names[iris.target]
    source = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(iris.data, names)
    file = tmp_path / f"{world.namespace}.pkl"
    file.write_bytes(pickle.dumps(source))
    await bucket.with_own_key(world, "models-of-others", (file,), secret="pickles")
    model = {"uri": f"s3://models-of-others/{file.name}", "secretName": "pickles", "allowPickle": True}
    world.apply({"kind": "ModelService", "metadata": {"name": "iris"}, "spec": {"model": model}})
    served = world.wait_ready("modelservice", "iris", timeout=600)
    assert served["status"]["imported"]["digest"] == served["status"]["active"]["digest"]
    answers = world.predict("iris", iris.data.tolist())
    assert answers == source.predict(iris.data.astype(np.float32)).tolist()
