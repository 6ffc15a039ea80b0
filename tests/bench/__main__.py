"""``make bench``: run every benchmark and keep what it printed in ``docs/benchmarks.md``."""

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


def main() -> int:
    """Run all; the exit code is 0 only when every benchmark ended well."""
    sections, failed = [], False
    for title, module in BENCHMARKS.items():
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout, flush=True)
        failed |= done.returncode != 0
        sections.append(f"## {title}\n\n{done.stdout.strip()}\n")
    if not failed:
        taken = f"{datetime.now(tz=UTC).date()}.\n"
        (ROOT / "docs" / "benchmarks.md").write_text("\n".join([INTRODUCTION, taken, *sections]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
