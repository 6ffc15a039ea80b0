"""Results as a table for the terminal, as JSON and as Markdown."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slipway_conformance.case import Level
from slipway_conformance.suite import CASES, Outcome, Result

_MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAIL", Outcome.SKIPPED: "skip"}
_COLUMN = 34
_FOUND = 110

Told = Mapping[str, Mapping[str, Any]]
"""Results by the case's id, as JSON holds them."""


def line(result: Result) -> str:
    """One result for the terminal."""
    case = result.case
    text = case.says if result.outcome is Outcome.PASSED else result.found
    mark = "fail" if result.outcome is Outcome.FAILED and not result.binding else _MARKS[result.outcome]
    return f"{mark:5}{case.id:{_COLUMN}}{case.source:10}{case.level:12}{' '.join(text.split())[:_FOUND]}"


def summary(results: Sequence[Result]) -> str:
    """The last line for the terminal."""
    counts = {outcome: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    binding = failing(results)
    return (
        f"{len(results)} cases: {counts[Outcome.PASSED]} passed, {counts[Outcome.FAILED]} failed "
        f"({binding} of them required of this server), {counts[Outcome.SKIPPED]} skipped"
    )


def failing(results: Sequence[Result]) -> int:
    """How many required cases failed."""
    return sum(result.outcome is Outcome.FAILED and result.binding for result in results)


def as_json(results: Sequence[Result]) -> str:
    """All results, for programs."""
    told = {
        result.case.id: {
            "says": result.case.says,
            "source": result.case.source,
            "level": result.case.level,
            "extension": result.case.extension,
            "required": result.binding,
            "outcome": result.outcome,
            "found": result.found,
        }
        for result in results
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def markdown(servers: Mapping[str, Told]) -> str:
    """Tables of one or several servers' results: the groups first, then every case."""
    names = list(servers)
    lines = [f"| group | cases | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    rows = {group: [case for case in CASES if case.group == group] for group in dict.fromkeys(c.group for c in CASES)}
    rows["**required**, of all groups"] = [case for case in CASES if case.level is Level.REQUIRED]
    rows["**all**"] = list(CASES)
    for title, cases in rows.items():
        cells = [_passed(servers[name], [case.id for case in cases]) for name in names]
        lines.append(f"| {title} | {len(cases)} | {' | '.join(cells)} |")
    lines += ["", f"| case | says | source | level | {' | '.join(names)} |", "|---|---|---|---|" + "---|" * len(names)]
    for case in CASES:
        cells = [_cell(servers[name].get(case.id)) for name in names]
        says = case.says.replace("|", "\\|")
        lines.append(f"| `{case.id}` | {says} | {case.source} | {case.level} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _passed(told: Told, ids: Sequence[str]) -> str:
    tried = [told[name]["outcome"] for name in ids if name in told and told[name]["outcome"] != Outcome.SKIPPED]
    return f"{tried.count(Outcome.PASSED)} of {len(tried)}" if tried else "-"


def _cell(result: Mapping[str, Any] | None) -> str:
    return "-" if result is None else {"passed": "yes", "failed": "**no**"}.get(str(result["outcome"]), "-")
