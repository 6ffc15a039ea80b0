"""What a sweep reads from objects."""

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from slipway_operator.cluster.marking import FRESH_SECONDS, Marked, Marks, Output, digests_in, elsewhere, mark
from slipway_operator.cluster.store_accounts import StoreConfig, StoreMode
from slipway_runtime.artifact.retention import Living
from slipway_runtime.run.result import Retention

DIGEST = "sha256:" + "a" * 64
OTHER = "b" * 64


def item(name: str = "digits", namespace: str = "team", status: Any = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": status or {}}


def test_every_digest_is_found_wherever_it_stands() -> None:
    status = {
        "artifact": {"digest": DIGEST},
        "history": [{"uri": f"s3://x/manifests/{OTHER}"}],
        "attempt": 3,
        "run": None,
    }
    assert set(digests_in(status)) == {DIGEST, f"sha256:{OTHER}"}
    assert set(digests_in({"model": {"uri": "s3://x/model.onnx"}})) == set()


def test_objects_mark_digests_retention_and_stores() -> None:
    job = item(history=2, deletionPolicy="Delete", output={"uri": "s3://mine", "secretName": "mine"})
    served = item("served", model={"uri": f"s3://x/manifests/{OTHER}"}, status={"active": {"digest": DIGEST}})
    bare = item("bare", "other", output={"format": "onnx"})
    found = mark([("TrainingJob", job), ("ModelService", served), ("CompressionJob", bare)], ())
    assert found.living == Living(
        {
            ("team", "trainingjob", "digits"): Retention(history=2, deletion_policy="Delete"),
            ("team", "modelservice", "served"): None,
            ("other", "compressionjob", "bare"): Retention(),
        },
        frozenset({DIGEST, f"sha256:{OTHER}"}),
        None,
    )
    assert found.outputs == {Output("team", "s3://mine", "mine")}


def test_objects_of_watched_namespaces_tell_of_no_other() -> None:
    living = mark([], ("team",)).living
    assert living.lacks(("team", "trainingjob", "gone"))
    assert not living.lacks(("other", "trainingjob", "unseen"))
    assert mark([], ()).living.lacks(("other", "trainingjob", "gone"))


def test_retention_that_does_not_read_is_no_guess() -> None:
    with pytest.raises(ValidationError, match="deletionPolicy"):
        mark([("TrainingJob", item(deletionPolicy="Later"))], ())


@pytest.mark.parametrize(
    ("mode", "uri", "secret", "swept"),
    [
        (StoreMode.EMBEDDED, "s3://slipway-team", None, True),
        (StoreMode.EMBEDDED, "s3://slipway-team/", "slipway-store", True),
        (StoreMode.EMBEDDED, "s3://slipway-team/models", None, True),
        (StoreMode.EMBEDDED, "s3://slipway-team/models", "mine", False),
        (StoreMode.EMBEDDED, "s3://slipway-team-b/models", None, False),
        (StoreMode.EMBEDDED, "s3://mine/models", "mine", False),
        (StoreMode.EMBEDDED, "pvc://claim/models", None, False),
        (StoreMode.EXTERNAL, "s3://models/slipway", None, True),
        (StoreMode.EXTERNAL, "s3://models/slipway/another", None, False),
        (StoreMode.EXTERNAL, "s3://models", None, False),
        (StoreMode.NONE, "s3://models/slipway", "mine", False),
    ],
)
def test_only_the_installs_own_store_is_swept(mode: StoreMode, uri: str, secret: str | None, *, swept: bool) -> None:
    config = StoreConfig(mode, "slipway-system", "root", uri="s3://models/slipway")
    assert elsewhere([Output("team", uri, secret)], config) == ({} if swept else {uri: ("team",)})


def test_a_store_elsewhere_is_named_once_with_all_that_name_it() -> None:
    outputs = [Output(namespace, "s3://mine", secret) for namespace in ("b", "a") for secret in ("one", "two")]
    assert elsewhere(outputs, StoreConfig(StoreMode.EMBEDDED, "system", "root")) == {"s3://mine": ("a", "b")}


async def test_marks_are_read_again_once_they_are_old() -> None:
    seconds = iter([0.0, FRESH_SECONDS, FRESH_SECONDS + 1])
    numbers = itertools.count()

    async def read() -> Marked:
        return Marked(Living({}, frozenset({str(next(numbers))})), frozenset())

    marks = Marks(read, lambda: next(seconds))
    assert [set((await marks.current()).living.digests) for _ in range(3)] == [{"0"}, {"0"}, {"1"}]
