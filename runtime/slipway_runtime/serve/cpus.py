"""How many cores this process may use: not how many the machine has."""

import math
import os
from collections.abc import Mapping
from pathlib import Path


def usable_cores(env: Mapping[str, str], cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Whole cores, at least one: ``SLIPWAY_CPUS`` when set, else the cgroup's quota, within the scheduler's mask.

    A part of a core is rounded down, because one thread too many gets the whole group throttled.

    Raises:
        ValueError: ``SLIPWAY_CPUS`` is not a positive number.
    """
    mask = len(os.sched_getaffinity(0))
    declared = env.get("SLIPWAY_CPUS")
    cores = _declared(declared) if declared else _quota(cpu_max)
    return max(1, min(mask, math.floor(cores)) if cores is not None else mask)


def _declared(text: str) -> float:
    try:
        cores = float(text)
    except ValueError:
        cores = math.nan
    if not 0 < cores < math.inf:
        raise ValueError(f"SLIPWAY_CPUS={text!r} is not a positive number of cores, such as 2 or 0.5")
    return cores


def _quota(cpu_max: Path) -> float | None:
    try:
        quota, period = cpu_max.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)
