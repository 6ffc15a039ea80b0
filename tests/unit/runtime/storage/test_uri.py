from pathlib import Path

import pytest
from tests.store_gateway import Gateway

from slipway_runtime.storage.credentials import Credentials
from slipway_runtime.storage.errors import CredentialsRefused, ObjectMissing, StoreError, UriInvalid
from slipway_runtime.storage.uri import (
    Mounts,
    download,
    is_remote,
    list_files,
    local_path,
    open_uri,
    read_bytes,
    split_uri,
)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("models/x", "models/x"),
        ("/models/x", "/models/x"),
        ("file:///models/a%20b", "/models/a b"),
        ("pvc://claim/a/b.csv", "/pvc/claim/a/b.csv"),
        ("pvc://claim", "/pvc/claim"),
    ],
)
def test_local_paths(uri: str, path: str) -> None:
    assert local_path(uri, Mounts(pvc=Path("/pvc"))) == Path(path)
    assert not is_remote(uri)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file://host/x", "write file:///absolute/path"),
        ("pvc:///x", "write pvc://claim/path"),
        ("pvc://claim/../other/x", "without . and .."),
        ("pvc://claim/%2e%2e/other/x", "without . and .."),
        ("ftp://host/x", "use s3, https, http, pvc or file"),
        ("s3:///key", "names no bucket"),
        ("https://host/x?token=1", "no query or fragment"),
    ],
)
def test_unusable_uris_name_the_remedy(uri: str, message: str) -> None:
    with pytest.raises(UriInvalid) as caught:
        open_uri(uri, Mounts())
    assert message in str(caught.value)
    assert str(caught.value).startswith(uri)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [("s3://b/k", ("s3://b", "k")), ("s3://b/a/k.csv", ("s3://b/a", "k.csv")), ("https://h/k/", ("https://h", "k"))],
)
def test_split(uri: str, parts: tuple[str, str]) -> None:
    assert split_uri(uri) == parts


@pytest.mark.parametrize("uri", ["s3://bucket", "https://host/", "s3://"])
def test_a_bucket_is_no_object(uri: str) -> None:
    with pytest.raises(UriInvalid, match="names no object"):
        split_uri(uri)


def test_mounts_from_env() -> None:
    assert Mounts.from_env({}) == Mounts()
    env = {"SLIPWAY_STORE": "/a", "SLIPWAY_SECRETS": "/b", "SLIPWAY_PVC": "/c"}
    assert Mounts.from_env(env) == Mounts(Path("/a"), Path("/b"), Path("/c"))


def test_credentials_are_trimmed_and_hidden(tmp_path: Path) -> None:
    (tmp_path / "secretAccessKey").write_text("hush\n")
    (tmp_path / "accessKeyId").write_text(" someone ")
    (tmp_path / "region").write_text("\n")
    found = Credentials.from_directory(tmp_path)
    assert found.access_key_id == "someone"
    assert found.region is None
    assert found.secret_access_key is not None
    assert found.secret_access_key.get_secret_value() == "hush"
    assert "hush" not in repr(found)
    assert "someone" not in repr(found)


def test_absent_mount_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialsRefused):
        Credentials.from_directory(tmp_path / "absent")


def test_local_store_round_trip(tmp_path: Path) -> None:
    store = open_uri(f"file://{tmp_path}/new", Mounts(), create=True)
    store.write("a/b.txt", b"one")
    assert store.read("a/b.txt") == b"one"
    assert store.stat("a/b.txt").size == 3
    assert [entry.key for entry in store.list("a")] == ["a/b.txt"]
    store.delete(["a/b.txt", "a/absent"])
    assert list(store.list()) == []


@pytest.mark.parametrize("key", ["../outside", "a/../../outside"])
def test_keys_stay_below_the_root(key: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    store = open_uri(str(tmp_path / "root"), Mounts(), create=True)
    with pytest.raises(StoreError):
        store.read(key)


def test_absent_directory(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="no such directory"):
        open_uri(str(tmp_path / "absent"), Mounts())
    with pytest.raises(ObjectMissing, match="no such file"):
        read_bytes(str(tmp_path / "absent"), Mounts())


def test_objects_of_a_bucket(store_gateway: Gateway, tmp_path: Path) -> None:
    bucket = store_gateway.bucket("uri-test")
    (bucket / "data").mkdir()
    (bucket / "data" / "a.csv").write_bytes(b"x,target\n")
    (tmp_path / "mine").symlink_to(store_gateway.credentials("s3://unused"))
    mounts = Mounts(secrets=tmp_path)
    assert read_bytes("s3://uri-test/data/a.csv", mounts, secret_name="mine") == b"x,target\n"
    download("s3://uri-test/data/a.csv", tmp_path / "out", mounts, secret_name="mine")
    assert (tmp_path / "out").read_bytes() == b"x,target\n"
    assert [entry.key for entry in list_files("s3://uri-test/data", mounts, secret_name="mine")] == ["a.csv"]
    with pytest.raises(ObjectMissing, match=r"s3://uri-test/data/b\.csv: nothing is there"):
        read_bytes("s3://uri-test/data/b.csv", mounts, secret_name="mine")
