"""``make bench``: run every benchmark and keep what it printed in ``docs/benchmarks.md``."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = {"Serving": "tests.bench.serving", "Operator": "tests.bench.operator"}
INTRODUCTION = """# Benchmarks

Written by `make bench`. Every figure stands beside a baseline that was measured in the same call on the same machine;
compare ratios, not absolutes.
"""


def cpu_model() -> str:
    """The processor's name, as the kernel tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> int:
    """Run all; the exit code is 0 only when every benchmark ended well."""
    sections, failed = [], False
    for title, module in BENCHMARKS.items():
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout, flush=True)
        failed |= done.returncode != 0
        sections.append(f"## {title}\n\n{done.stdout.strip()}\n")
    if not failed:
        taken = f"{datetime.now(tz=UTC).date()}, {cpu_model()}, Python {platform.python_version()}.\n"
        (ROOT / "docs" / "benchmarks.md").write_text("\n".join([INTRODUCTION, taken, *sections]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
