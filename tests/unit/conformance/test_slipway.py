"""Slipway passes the whole suite, recommendations included."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance_server import judged

from slipway_conformance.cli import main
from slipway_conformance.suite import CASES

GROUPS = tuple(dict.fromkeys(case.group for case in CASES))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    directory = tmp_path_factory.mktemp("conformance")
    with judged(directory) as served:
        files = ["--json", str(directory / "report.json"), "--markdown", str(directory / "report.md")]
        yield main([served.url, "--grpc", served.target, "--strict", "--reload", *files]), directory


@pytest.fixture(scope="module")
def told(reports: tuple[int, Path]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((reports[1] / "report.json").read_text(encoding="utf-8"))
    return found


def test_the_exit_code_is_the_number_of_failures(reports: tuple[int, Path], told: dict[str, dict[str, Any]]) -> None:
    assert reports[0] == len([one for one in told.values() if one["outcome"] == "failed"])


@pytest.mark.parametrize("group", GROUPS)
def test_group(told: dict[str, dict[str, Any]], group: str) -> None:
    outcomes = {name: (one["outcome"], one["found"]) for name, one in told.items() if name.startswith(f"{group}.")}
    assert outcomes
    assert {name: found for name, found in outcomes.items() if found[0] != "passed"} == {}


def test_the_table_tells_every_case(reports: tuple[int, Path]) -> None:
    table = (reports[1] / "report.md").read_text(encoding="utf-8")
    assert [case.id for case in CASES if f"| `{case.id}` |" not in table] == []
    assert "**no**" not in table


def test_the_page_tells_every_case() -> None:
    # `make conformance` writes it.
    page = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert [case.id for case in CASES if f"| `{case.id}` | {case.says}" not in page] == []
