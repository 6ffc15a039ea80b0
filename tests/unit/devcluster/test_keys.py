import dataclasses
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from slipway_devcluster.binaries import BUILDS, SOURCES, build_key, content_key, parse_go_version
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.image_load import archive, chain_ids, snapshot_folder
from slipway_devcluster.images import IMAGES, Image, image_key
from slipway_devcluster.layers import Layer, StoredImage


def test_content_key_knows_where_a_part_ends() -> None:
    assert content_key([b"ab", b"c"]) != content_key([b"a", b"bc"])
    assert content_key([b"ab", b"c"]) == content_key([b"ab", b"c"])
    assert len(content_key([])) == 12


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8", (1, 26)), ("go1.26.8\n", (1, 26)), ("go1.27rc1", (1, 27)), ("devel +abc", None)],
)
def test_go_versions(text: str, version: tuple[int, int] | None) -> None:
    assert parse_go_version(text) == version


def test_build_key_follows_module_flags_and_compiler(tmp_path: Path) -> None:
    build = BUILDS[0]
    (tmp_path / "go.mod").write_text("module a")
    (tmp_path / "go.sum").write_text("")
    key = build_key(build, tmp_path, "go1.26.8")
    assert build_key(build, tmp_path, "go1.26.9") != key
    assert build_key(dataclasses.replace(build, flags="-s"), tmp_path, "go1.26.8") != key
    (tmp_path / "go.sum").write_text("x")
    assert build_key(build, tmp_path, "go1.26.8") != key


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_every_build_is_pinned(build: object) -> None:
    module = SOURCES / next(b.module for b in BUILDS if b is build)
    assert (module / "go.mod").exists()
    assert (module / "go.sum").exists()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("1")
    return Image("x", "Dockerfile", "x", ("code",), "")


def test_image_key_follows_what_goes_in(tmp_path: Path, image: Image) -> None:
    key = image_key(tmp_path, image, ["base"])
    assert image_key(tmp_path, image, ["base"]) == key
    assert image_key(tmp_path, image, ["other base"]) != key
    (tmp_path / "code" / "__pycache__" / "a.pyc").write_text("cache")
    (tmp_path / "elsewhere").write_text("not an input")
    assert image_key(tmp_path, image, ["base"]) == key
    (tmp_path / "code" / "a.py").rename(tmp_path / "code" / "b.py")
    moved = image_key(tmp_path, image, ["base"])
    assert moved != key
    (tmp_path / "Dockerfile").write_text("FROM base")
    assert image_key(tmp_path, image, ["base"]) != moved


def test_missing_input_is_named(tmp_path: Path, image: Image) -> None:
    with pytest.raises(DevclusterError, match=r"requirements.txt is missing"):
        image_key(tmp_path, dataclasses.replace(image, inputs=("requirements.txt",)), [])


def test_operator_code_is_no_input_of_the_runtimes() -> None:
    for image in IMAGES:
        if image.dockerfile == "runtime/Dockerfile":
            assert not any(name.startswith("operator") for name in image.inputs)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_every_image_has_its_target_and_its_files(image: Image) -> None:
    root = Path(__file__).resolve().parents[3]
    dockerfile = (root / image.dockerfile).read_text()
    (stage,) = re.findall(rf"^FROM .* AS {image.target}$\n(?:.*\n(?!FROM ))*.*\n?", dockerfile, re.MULTILINE)
    assert 'ENTRYPOINT ["' in stage
    assert re.search(r"^USER 65532(:65532)?$", stage, re.MULTILINE)
    assert image_key(root, image, ["base"])
    for source in re.findall(r"^COPY (requirements/\S+)", stage, re.MULTILINE):
        assert source in image.inputs


def test_converters_are_built_on_request_only() -> None:
    assert [image.name for image in IMAGES if image.on_request] == ["slipway-convert"]


def test_chain_ids_as_in_the_oci_image_specification() -> None:
    # ChainID(A, B) = sha256 of "ChainID(A) DiffID(B)"; the value was computed with sha256sum.
    first, second = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    assert chain_ids([]) == []
    assert chain_ids([first]) == [first]
    assert chain_ids([first, second])[1] == "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"


@pytest.mark.parametrize(
    "mount",
    [
        "mount -t bind /node/snapshots/1/fs / -o rw,rbind\n",
        (
            "mount -t overlay overlay / -o index=off,workdir=/node/snapshots/1/work,"
            "upperdir=/node/snapshots/1/fs,lowerdir=/node/snapshots/0/fs\n"
        ),
    ],
)
def test_a_snapshots_own_folder(mount: str) -> None:
    assert snapshot_folder(mount) == "/node/snapshots/1/fs"


def test_another_snapshotter_is_an_error() -> None:
    with pytest.raises(DevclusterError, match="not overlayfs"):
        snapshot_folder("mount -t ext4 /dev/mapper/x / -o rw\n")


def test_an_archive_names_layers_and_holds_none(tmp_path: Path) -> None:
    layer = Layer("sha256:" + "1" * 64, 5_000_000_000, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(archive("localhost/x:1", StoredImage(b"{}", (layer,))))) as tar:
        contents = {member.name: tar.extractfile(member) for member in tar}
        index = json.loads(contents["index.json"].read())  # type: ignore[union-attr]
        (entry,) = index["manifests"]
        assert entry["annotations"]["io.containerd.image.name"] == "localhost/x:1"
        manifest = json.loads(contents["blobs/sha256/" + entry["digest"][7:]].read())  # type: ignore[union-attr]
    assert [one["digest"] for one in manifest["layers"]] == [layer.digest]
    assert not [name for name in contents if layer.digest[7:] in name]
