"""``make bench``: run the benchmarks, or some, and keep what they printed in ``docs/benchmarks.md``."""

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
BENCHMARKS = ("serving", "operator")
INTRODUCTION = """# Benchmarks

Written by `make bench`. Every figure stands beside a baseline that was measured in the same call on the same machine;
compare ratios, not absolutes.
"""


def main() -> int:
    """Run all or some; the exit code is 0 only when every benchmark ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="just this one; repeat for more")
    chosen = parser.parse_args().only or BENCHMARKS
    sections = _sections(PAGE.read_text()) if PAGE.exists() else {}
    failed = False
    for name in chosen:
        module = f"tests.bench.{name}"
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout, flush=True)
        if done.returncode == 0:
            sections[name] = f"{datetime.now(tz=UTC).date()}. {done.stdout.strip()}"
        failed |= done.returncode != 0
    written = [f"## {name.capitalize()}\n\n{sections[name]}\n" for name in BENCHMARKS if name in sections]
    PAGE.write_text("\n".join([INTRODUCTION, *written]))
    return int(failed)


def _sections(page: str) -> dict[str, str]:
    """What stands under each heading, by its name in lower case."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return {title.lower(): text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}


if __name__ == "__main__":
    sys.exit(main())
