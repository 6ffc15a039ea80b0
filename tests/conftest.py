"""Order of the run, the rotating sample of slow tests, and the written summary."""

import datetime as dt
import os
import platform
import random
from pathlib import Path

import pytest

STAGES = ("unit", "property", "clients", "cluster", "e2e")
SAMPLED_SHARE = 0.2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", choices=("none", "sample", "all"), default="none", help="which slow tests to run")
    parser.addoption(
        "--seed", default=os.environ.get("SLIPWAY_TEST_SEED"), help="seed of the sample (default: the day)"
    )
    parser.addoption("--summary", type=Path, help="write a summary of the run to this file")


def sample_seed(config: pytest.Config) -> str:
    """The given seed, else the day: tomorrow's run samples other tests."""
    return config.getoption("--seed") or dt.datetime.now(tz=dt.UTC).date().isoformat()


def pytest_report_header(config: pytest.Config) -> str:
    return f"slow tests: {config.getoption('--slow')}, seed {sample_seed(config)}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Fast stages first, so that a broken decision fails within seconds and not after a cluster has come up.
    items.sort(key=lambda item: _stage(item.path))
    slow = [item for item in items if item.get_closest_marker("slow")]
    mode = config.getoption("--slow")
    kept = set(slow)
    if mode == "none":
        kept = set()
    elif mode == "sample" and slow:
        size = max(1, round(len(slow) * SAMPLED_SHARE))
        kept = set(random.Random(sample_seed(config)).sample(slow, size))  # noqa: S311 - a sample, not a secret
    dropped = [item for item in slow if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def _stage(path: Path) -> int:
    return next((index for index, stage in enumerate(STAGES) if stage in path.parts), len(STAGES))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    target: Path | None = config.getoption("--summary")
    if target is None:
        return
    stats = terminalreporter.stats
    lines = [
        "# Test summary",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, seed {sample_seed(config)}.",
    ]
    lines += ["", "| stage | passed | failed | skipped | seconds |", "|---|---|---|---|---|"]
    for stage in STAGES:
        counted = {
            outcome: [report for report in stats.get(outcome, []) if f"tests/{stage}/" in report.nodeid]
            for outcome in ("passed", "failed", "error", "skipped")
        }
        seconds = sum(report.duration for reports in counted.values() for report in reports)
        failed = len(counted["failed"]) + len(counted["error"])
        lines.append(f"| {stage} | {len(counted['passed'])} | {failed} | {len(counted['skipped'])} | {seconds:.0f} |")
    target.write_text("\n".join(lines) + "\n")
