"""The machine that figures are from."""

import os
import platform
from pathlib import Path


def machine(*more: str) -> str:
    """Two lines: processor, cores, Python and ``more``; and how busy the machine is."""
    parts = (_processor(), platform.machine(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}", *more)
    return f"{', '.join(parts)}\nload average before: {os.getloadavg()[0]:.2f}\n"


def _processor() -> str:
    """The processor's name, as the kernel tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
