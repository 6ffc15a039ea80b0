import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.unit.runtime.artifact.packages import SIGNATURE, make_package

from slipway_runtime.artifact import (
    ArtifactCorrupt,
    ArtifactMissing,
    FileEntry,
    Format,
    Manifest,
    Task,
    read_package,
    write_package,
)

EMPTY = "0" * 64


def manifest(*paths: str) -> Manifest:
    files = tuple(FileEntry(path=path, sha256=EMPTY, size_bytes=0) for path in paths)
    return Manifest(name="m", task=Task.OTHER, format=Format.ONNX, signature=SIGNATURE, files=files)


def test_digest_is_fixed_for_all_releases() -> None:
    # A release that changes these bytes orphans every artifact ever published.
    assert manifest("model.onnx").digest == "sha256:1f63fa395b7f3e276bb2f6fdcf7e78249a30531556dde6d215cb9728cdeca63b"


def test_canonical_bytes_have_sorted_keys_and_no_absent_values() -> None:
    text = manifest("model.onnx").canonical.decode()
    value = json.loads(text)
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":"))
    assert "dataset" not in value["lineage"]


def test_digest_survives_reading() -> None:
    written = manifest("model.onnx", "a/b.json")
    assert Manifest.model_validate_json(written.canonical).digest == written.digest


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../up", "a/../../up", "a//b", "a/./b", "./a", "..", ".", "", "a\\b", "a\0b", "slipway.json"],
)
def test_paths_that_leave_the_package_are_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        FileEntry(path=path, sha256=EMPTY, size_bytes=0)


def test_a_file_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="twice"):
        manifest("model.onnx", "model.onnx")


def test_a_package_without_its_model_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"no \.onnx file"):
        manifest("model.json")


def test_package_round_trip(tmp_path: Path) -> None:
    written = make_package(tmp_path)
    assert read_package(tmp_path) == written
    assert [entry.path for entry in written.files] == ["model.json", "model.onnx"]
    assert written.model_file == "model.onnx"
    assert written.size_bytes == 9


def test_writing_again_replaces_the_manifest(tmp_path: Path) -> None:
    first = make_package(tmp_path)
    assert make_package(tmp_path) == first
    assert make_package(tmp_path, b"other") != first


def test_changed_file_is_corrupt(tmp_path: Path) -> None:
    make_package(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weighte")
    with pytest.raises(ArtifactCorrupt, match=r"model\.onnx has sha256 .* the manifest promises"):
        read_package(tmp_path)


def test_truncated_file_is_corrupt(tmp_path: Path) -> None:
    make_package(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weigh")
    with pytest.raises(ArtifactCorrupt, match="has 5 bytes, the manifest promises 7"):
        read_package(tmp_path)


def test_absent_file_is_missing(tmp_path: Path) -> None:
    make_package(tmp_path)
    (tmp_path / "model.json").unlink()
    with pytest.raises(ArtifactMissing, match=r"model\.json"):
        read_package(tmp_path)


def test_directory_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissing, match="there is no manifest"):
        read_package(tmp_path)


def test_newer_layout_names_the_remedy(tmp_path: Path) -> None:
    make_package(tmp_path)
    value = json.loads((tmp_path / "slipway.json").read_bytes()) | {"schemaVersion": 2}
    (tmp_path / "slipway.json").write_text(json.dumps(value))
    with pytest.raises(ArtifactCorrupt, match=r"schemaVersion.*use the slipway release that made it"):
        read_package(tmp_path)


def test_link_out_of_the_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(b"secret")
    package = tmp_path / "package"
    package.mkdir()
    (package / "model.onnx").write_bytes(b"m")
    (package / "data.bin").symlink_to(tmp_path / "outside.bin")
    with pytest.raises(ValueError, match="link out of the package"):
        write_package(package, name="m", task=Task.OTHER, signature=SIGNATURE)


def test_directory_without_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.onnx file"):
        write_package(tmp_path, name="m", task=Task.OTHER, signature=SIGNATURE)
