"""One live line an object: stage, percent, metrics."""

import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from slipway_demo.install import Target

POLL_SECONDS = 1.0


class Stuck(Exception):
    """An object stalled; the message is its own condition."""


def describe(item: dict[str, Any]) -> str:
    """Say in one line where an object stands: its reason, then the numbers a person wants."""
    status = item.get("status", {})
    ready = condition(item, "Ready")
    parts = [f"{item['kind']:<15} {item['metadata']['name']:<14} {ready.get('reason', 'Pending'):<26}"]
    progress = status.get("progress")
    if progress and ready.get("status") != "True":
        parts.append(f"{progress.get('stage', '')} {progress.get('percent', 0):>3} %")
        parts += [f"{metric['name']} {float(metric['value']):.3f}" for metric in progress.get("metrics", [])]
    artifact = status.get("artifact")
    if artifact:
        parts += [f"{metric['name']} {float(metric['value']):.4f}" for metric in artifact.get("metrics", [])[:2]]
        parts.append(artifact["digest"][7:19])
    report = status.get("report")
    if report:
        parts.append(f"{float(report['sizeRatio']):.2f}x smaller, speedup {float(report['speedup']):.2f}")
    if status.get("url"):
        parts.append(status["url"])
    if ready.get("status") != "True" and ready.get("message"):
        parts.append(ready["message"])
    return "  ".join(parts)


def condition(item: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The condition of a type, or an empty mapping."""
    found = [entry for entry in item.get("status", {}).get("conditions", []) if entry["type"] == wanted]
    return found[0] if found else {}


def is_current(item: dict[str, Any]) -> bool:
    """Whether the object is Ready for the spec it has now."""
    ready = condition(item, "Ready")
    return ready.get("status") == "True" and ready.get("observedGeneration") == item["metadata"]["generation"]


def wait_ready(target: Target, namespace: str, timeout: float) -> list[dict[str, Any]]:
    """Show one live line an object until all are Ready, and return them.

    Raises:
        Stuck: an object is stalled, or the time is over; with its conditions.
    """
    console = Console()
    deadline = time.monotonic() + timeout
    shown: dict[str, str] = {}
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while True:
            items: list[dict[str, Any]] = target.get("slipway", "--namespace", namespace)["items"]
            items.sort(key=lambda item: ("TrainingJob", "CompressionJob", "ModelService").index(item["kind"]))
            lines = {item["metadata"]["uid"]: describe(item) for item in items}
            if console.is_terminal:
                live.update(Text("\n".join(lines.values()), no_wrap=True))
            else:
                for uid, line in lines.items():
                    if shown.get(uid) != line:
                        console.print(Text(line), soft_wrap=True)
            shown = lines
            if items and all(is_current(item) for item in items):
                return items
            stalled = [item for item in items if condition(item, "Stalled").get("status") == "True"]
            if stalled or time.monotonic() > deadline:
                why = "stalled" if stalled else f"not ready after {timeout:.0f} s"
                raise Stuck(f"{why}:\n" + "\n".join(describe(item) for item in stalled or items))
            time.sleep(POLL_SECONDS)
