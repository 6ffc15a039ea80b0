"""Tells a person what a long step does and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(message: str) -> None:
    """Write one line to stderr; stdout is kept for results (JSON, kubeconfig)."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce `title`, then say how long it took or that it failed."""
    say(f"• {title} …")
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"✗ {title}: failed after {time.monotonic() - began:.1f} s")
        raise
    say(f"✓ {title}: {time.monotonic() - began:.1f} s")
