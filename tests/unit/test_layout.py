"""Rules of the tree that no linter checks."""

import operator
import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("operator", "runtime", "devcluster", "conformance")
LONGEST_FILE = 500
SHAPELESS = {"utils", "helpers", "common", "misc", "util"}


def _modules() -> list[Path]:
    return [path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py")]


def test_operator_folder_never_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert Path(operator.__file__ or "").parent == Path(sysconfig.get_path("stdlib"))


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _modules()}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_every_module_name_says_what_is_in_it() -> None:
    assert [path for path in _modules() if path.stem in SHAPELESS] == []


def test_git_holds_no_large_binaries() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    big = [
        name
        for name in tracked.split("\0")
        if name and (ROOT / name).exists() and (ROOT / name).stat().st_size > 1_000_000
    ]
    assert big == []
