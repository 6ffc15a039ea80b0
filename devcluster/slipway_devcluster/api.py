"""Small requests to the API server that need no kubectl."""

import ssl
import urllib.request
from pathlib import Path


def answers(url: str, authority: Path, timeout: float = 2.0) -> bool:
    """Whether a GET of `url` (https, checked against the CA file, or http) gives 200."""
    if not authority.exists():
        return False
    context = ssl.create_default_context(cafile=str(authority)) if url.startswith("https") else None
    try:
        with urllib.request.urlopen(url, timeout=timeout, context=context) as reply:  # noqa: S310  (our own URL)
            return bool(reply.status == 200)  # noqa: PLR2004  (HTTP OK)
    except OSError:
        return False
