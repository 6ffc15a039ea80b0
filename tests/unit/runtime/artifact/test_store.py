"""Publishing and fetching through a real S3 gateway, with everything that can be wrong."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.store_gateway import Gateway
from tests.unit.runtime.artifact.packages import make_package

from slipway_runtime.artifact import ArtifactCorrupt, ArtifactMissing, Manifest, fetch, publish
from slipway_runtime.run.context import RunContext
from slipway_runtime.spec.summary import ArtifactRef
from slipway_runtime.storage.errors import (
    BucketMissing,
    CredentialsRefused,
    ObjectExists,
    StoreError,
    StoreUnavailable,
)
from slipway_runtime.storage.store import Store
from slipway_runtime.storage.uri import Mounts, open_uri

URI = "s3://slipway-test/root"
RUN = "team/trainingjob/digits/abc123"


@pytest.fixture
def bucket(store_gateway: Gateway) -> Path:
    return store_gateway.bucket("slipway-test") / "root"


@pytest.fixture
def mounts(store_gateway: Gateway, bucket: Path) -> Mounts:
    assert not bucket.exists()
    return Mounts(store=store_gateway.credentials(URI))


@pytest.fixture
def store(mounts: Mounts) -> Store:
    return open_uri(URI, mounts)


@pytest.fixture
def published(store: Store, tmp_path: Path) -> tuple[Manifest, ArtifactRef]:
    manifest = make_package(tmp_path / "package")
    return manifest, publish(tmp_path / "package", store)


def blob(bucket: Path, manifest: Manifest, path: str = "model.onnx") -> Path:
    return bucket / "blobs" / next(entry.sha256 for entry in manifest.files if entry.path == path)


def test_round_trip(published: tuple[Manifest, ArtifactRef], mounts: Mounts, tmp_path: Path) -> None:
    manifest, ref = published
    assert ref.uri == f"{URI}/manifests/{manifest.digest.removeprefix('sha256:')}"
    assert fetch(ref.uri, tmp_path / "into", mounts) == manifest
    assert (tmp_path / "into" / "model.onnx").read_bytes() == b"weights"
    assert (tmp_path / "into" / "slipway.json").read_bytes() == manifest.canonical
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "package"]


def test_fetch_into_a_mount_point_replaces_what_is_there(
    published: tuple[Manifest, ArtifactRef], mounts: Mounts, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    (into / "old").mkdir(parents=True)
    (into / "stale.bin").write_bytes(b"x")
    inode = into.stat().st_ino
    fetch(published[1].uri, into, mounts)
    assert sorted(path.name for path in into.iterdir()) == ["model.json", "model.onnx", "slipway.json"]
    assert into.stat().st_ino == inode


def test_corrupt_file(published: tuple[Manifest, ArtifactRef], bucket: Path, mounts: Mounts, tmp_path: Path) -> None:
    blob(bucket, published[0]).write_bytes(b"weighte")
    with pytest.raises(ArtifactCorrupt, match=r"blobs/.*model\.onnx has sha256 .*; publish the artifact again"):
        fetch(published[1].uri, tmp_path / "into", mounts)
    assert not (tmp_path / "into").exists()


def test_truncated_file(published: tuple[Manifest, ArtifactRef], bucket: Path, mounts: Mounts, tmp_path: Path) -> None:
    blob(bucket, published[0]).write_bytes(b"wei")
    with pytest.raises(ArtifactCorrupt, match="has 3 bytes, the manifest promises 7"):
        fetch(published[1].uri, tmp_path / "into", mounts)
    assert not (tmp_path / "into").exists()


def test_publishing_again_heals_a_corrupt_file(
    published: tuple[Manifest, ArtifactRef], bucket: Path, store: Store, mounts: Mounts, tmp_path: Path
) -> None:
    blob(bucket, published[0]).write_bytes(b"weighte")
    publish(tmp_path / "package", store)
    assert fetch(published[1].uri, tmp_path / "into", mounts) == published[0]


def test_missing_file(published: tuple[Manifest, ArtifactRef], bucket: Path, mounts: Mounts, tmp_path: Path) -> None:
    blob(bucket, published[0], "model.json").unlink()
    with pytest.raises(ArtifactMissing, match=r"file model\.json of the artifact is not there"):
        fetch(published[1].uri, tmp_path / "into", mounts)


def test_missing_manifest(mounts: Mounts, tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="there is no manifest; check the URI"):
        fetch(f"{URI}/manifests/{'0' * 64}", tmp_path / "into", mounts)


def test_tampered_manifest(
    published: tuple[Manifest, ArtifactRef], bucket: Path, mounts: Mounts, tmp_path: Path
) -> None:
    path = bucket / "manifests" / published[0].digest.removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"iris", b"mail"))
    with pytest.raises(ArtifactCorrupt, match="the manifest's bytes have sha256"):
        fetch(published[1].uri, tmp_path / "into", mounts)


@pytest.mark.parametrize("escape", ["../../escaped.onnx", "/var/escaped.onnx", "a/../../escaped.onnx"])
def test_path_escape_with_a_right_digest(escape: str, store: Store, mounts: Mounts, tmp_path: Path) -> None:
    content = b"evil"
    value = json.loads(make_package(tmp_path / "package").canonical)
    sha256 = hashlib.sha256(content).hexdigest()
    value["files"].append({"path": escape, "sha256": sha256, "bytes": len(content)})
    manifest = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    name = hashlib.sha256(manifest).hexdigest()
    store.write(f"blobs/{sha256}", content)
    store.write(f"manifests/{name}", manifest)
    with pytest.raises(ArtifactCorrupt, match="leaves the package"):
        fetch(f"{URI}/manifests/{name}", tmp_path / "deep" / "into", mounts)
    assert not list(tmp_path.rglob("escaped.onnx"))


def test_plain_package_at_a_uri(store: Store, mounts: Mounts, tmp_path: Path) -> None:
    manifest = make_package(tmp_path / "package")
    for path in (tmp_path / "package").iterdir():
        store.write(f"plain/{path.name}", path)
    assert fetch(f"{URI}/plain", tmp_path / "into", mounts) == manifest


def test_wrong_bucket(store_gateway: Gateway, tmp_path: Path) -> None:
    make_package(tmp_path / "package")
    mounts = Mounts(store=store_gateway.credentials("s3://absent"))
    with pytest.raises(BucketMissing, match=r"s3://absent/.*no such bucket.*; create the bucket or correct the URI"):
        publish(tmp_path / "package", open_uri("s3://absent", mounts))
    with pytest.raises(BucketMissing):
        list(open_uri("s3://absent", mounts).list())


@pytest.mark.parametrize("wrong", [{"secret": "not-the-secret"}, {"access": "nobody"}])
def test_wrong_credentials_never_show_them(
    wrong: dict[str, str], store_gateway: Gateway, bucket: Path, tmp_path: Path
) -> None:
    make_package(tmp_path / "package", os.urandom(3_000_000))
    store = open_uri(URI, Mounts(store=store_gateway.credentials(URI, **wrong)))
    with pytest.raises(CredentialsRefused, match="check accessKeyId, secretAccessKey and region") as caught:
        publish(tmp_path / "package", store)
    assert not any(secret in str(caught.value) for secret in ("not-the-secret", "nobody", "gateway-root"))
    assert not caught.value.retryable
    assert not bucket.exists()


def test_store_that_is_down_can_be_tried_again(store_gateway: Gateway) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{probe.getsockname()[1]}"
    store = open_uri(URI, Mounts(store=store_gateway.credentials(URI, endpoint=dead)))
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        store.read("anything")
    assert caught.value.retryable


def test_secret_that_is_not_mounted(tmp_path: Path) -> None:
    with pytest.raises(CredentialsRefused, match="mount a Secret with the keys endpoint, region"):
        open_uri(URI, Mounts(secrets=tmp_path), secret_name="mine")


def test_conditional_create_has_one_winner(store: Store) -> None:
    def attempt(number: int) -> bool:
        try:
            store.create("runs/once", str(number).encode())
        except ObjectExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(attempt, range(32)))
    assert sum(wins) == 1
    assert store.read("runs/once") == str(wins.index(True)).encode()


def context(mounts: Mounts, attempt: int = 1) -> RunContext:
    return RunContext.from_env(
        {"SLIPWAY_STORE": str(mounts.store), "SLIPWAY_RUN": RUN, "SLIPWAY_ATTEMPT": str(attempt)}
    )


def test_a_run_has_one_result(mounts: Mounts, tmp_path: Path) -> None:
    make_package(tmp_path / "first", b"one")
    make_package(tmp_path / "second", b"two")
    winner = context(mounts).publish(tmp_path / "first", message="first")
    assert context(mounts, 2).publish(tmp_path / "second", message="second") == winner
    record = context(mounts, 3).existing_result()
    assert record is not None
    assert record.attempt == 1
    assert record.summary == winner


KILLED = """
import os, signal, sys
from pathlib import Path
from slipway_runtime.run.context import RunContext
from slipway_runtime.storage.store import Store
left = int(sys.argv[2])
def dying(method):
    def call(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return method(*args, **kwargs)
    return call
Store.write, Store.create = dying(Store.write), dying(Store.create)
RunContext.from_env(os.environ).publish(Path(sys.argv[1]), message="from the one that dies")
"""


@pytest.mark.parametrize("writes", range(4))
def test_killed_between_writes_then_tried_again(writes: int, mounts: Mounts, tmp_path: Path) -> None:
    """Two files, a manifest, a result: dying before any of them leaves a run unpublished and the next attempt whole."""
    manifest = make_package(tmp_path / "package")
    env = {**os.environ, "SLIPWAY_STORE": str(mounts.store), "SLIPWAY_RUN": RUN}
    died = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "package", str(writes)], env=env, check=False)
    assert died.returncode == -signal.SIGKILL
    assert context(mounts).existing_result() is None
    uri = f"{URI}/manifests/{manifest.digest.removeprefix('sha256:')}"
    if writes < 3:
        with pytest.raises(ArtifactMissing):
            fetch(uri, tmp_path / "into", mounts)
    summary = context(mounts, 2).publish(tmp_path / "package", message="again")
    assert summary.artifact is not None
    assert fetch(summary.artifact.uri, tmp_path / "into", mounts) == manifest


def test_large_file_streams_and_verifies(store: Store, mounts: Mounts, tmp_path: Path) -> None:
    manifest = make_package(tmp_path / "package", os.urandom(40_000_000))
    ref = publish(tmp_path / "package", store)
    assert fetch(ref.uri, tmp_path / "into", mounts) == manifest


def test_every_store_error_names_its_uri(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.read("nothing/here")
    assert str(caught.value).startswith(f"{URI}/nothing/here: ")
