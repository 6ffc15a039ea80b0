"""Writes the results into docs/conformance.md, below its marker: ``make conformance``."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.clients.environment import ROOT, clients_python
from tests.clients.running import matrix, run
from tests.conformance_server import judged

from slipway_conformance import report

_PAGE = ROOT / "docs" / "conformance.md"
_MARKER = "<!-- Everything below is written by `make conformance`. -->\n"
_OTHERS = ROOT / "conformance" / "results"


def main() -> None:
    """Judge, and write."""
    with tempfile.TemporaryDirectory() as folder:
        told, cells = _judge(Path(folder))
    servers = {f"Slipway {version('slipway')}": told}
    for path in sorted(_OTHERS.glob("*.json")):
        servers[path.stem.replace("_", " ")] = json.loads(path.read_text(encoding="utf-8"))
    head, _, _ = _PAGE.read_text(encoding="utf-8").partition(_MARKER)
    tables = ["## Results\n", report.markdown(servers), f"## The client matrix\n\n{_versions()}\n", table(cells)]
    _PAGE.write_text(head + _MARKER + "\n" + "\n".join(tables), encoding="utf-8")


def _judge(folder: Path) -> tuple[report.Told, list[dict[str, str]]]:
    python = clients_python()
    with judged(folder) as served:
        suite = ["-m", "slipway_conformance", served.url, "--grpc", served.target, "--reload"]
        # Its exit code counts failures, and those stand in the table.
        run(python, [*suite, "--json", str(folder / "report.json")])
        cells = matrix(python, served)
    return json.loads((folder / "report.json").read_text(encoding="utf-8")), cells


def _versions() -> str:
    locked = (ROOT / "requirements" / "clients.txt").read_text(encoding="utf-8")
    found = re.findall(r"^(tritonclient|kserve)(?:\[[^]]*\])?==(\S+)", locked, re.MULTILINE)
    named = " and ".join(f"{name} {number}" for name, number in sorted(found))
    return f"Cells that passed, of those that the client can do at all, with {named}."


def table(cells: Sequence[Mapping[str, str]]) -> str:
    """The cells as a table of groups and clients, and what no client can do below it."""
    clients = list(dict.fromkeys(cell["client"] for cell in cells))
    lines = [f"| | {' | '.join(clients)} |", "|---|" + "---|" * len(clients)]
    groups = dict.fromkeys(cell["group"] for cell in cells)
    for title, group in {**{group: group for group in groups}, "**all**": None}.items():
        lines += [f"| {title} | {' | '.join(_passed(cells, client, group) for client in clients)} |"]
    reasons: dict[str, set[str]] = {}
    for cell in cells:
        if cell["outcome"] == "n/a":
            reasons.setdefault(cell["found"], set()).add(cell["client"])
    lines += ["", "Not counted, because the client lacks it:", ""]
    lines += [f"- {reason}: {', '.join(sorted(found))}" for reason, found in sorted(reasons.items())]
    return "\n".join(lines) + "\n"


def _passed(cells: Sequence[Mapping[str, str]], client: str, group: str | None) -> str:
    mine = [cell for cell in cells if cell["client"] == client and group in (None, cell["group"])]
    tried = [cell["outcome"] for cell in mine if cell["outcome"] != "n/a"]
    return f"{tried.count('passed')} of {len(tried)}" if tried else "-"


if __name__ == "__main__":
    main()
