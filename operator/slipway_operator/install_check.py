"""``python -m slipway_operator.install_check``: what ``helm test`` runs inside the cluster."""

import http.client
import json
import logging
import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP_PATH = "/apis/slipway.dev/v1alpha1"
EXPECTED = frozenset({"TrainingJob", "CompressionJob", "ModelService"})
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 12
PAUSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class CheckFailed(Exception):
    """A part of the install does not answer as it should; the message names it and the remedy."""


def check_kinds() -> str:
    """Ask the API server for the three kinds, with the pod's own account.

    Raises:
        CheckFailed: the API server refuses or lacks a kind.
        OSError: it cannot be reached.
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ.get("KUBERNETES_SERVICE_PORT", "443"))
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=trusted)
    try:
        token = (ACCOUNT / "token").read_text().strip()
        connection.request("GET", GROUP_PATH, headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise CheckFailed(
            f"the API server answers {reply.status} to {GROUP_PATH}: install the CRDs (crds.enabled=true)"
        )
    return missing_kinds(json.loads(body))


def missing_kinds(resources: Mapping[str, object]) -> str:
    """Say which kinds a discovery answer has.

    Raises:
        CheckFailed: one of the three is missing.
    """
    listed = resources.get("resources")
    found = {str(item.get("kind")) for item in listed if isinstance(item, dict)} if isinstance(listed, list) else set()
    if missing := EXPECTED - found:
        raise CheckFailed(f"the API server has no {', '.join(sorted(missing))}: upgrade the CRDs (crds.enabled=true)")
    return f"the API server has {', '.join(sorted(EXPECTED))}"


def check_http(name: str, url: str) -> str:
    """Ask an HTTP endpoint of the install.

    Raises:
        CheckFailed: it answers anything but 200.
        OSError: it cannot be reached.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != http.client.OK:
        raise CheckFailed(f"{name} answers {status} at {url}: look at its pod's log")
    return f"{name} answers at {url}"


def check(name: str, body: Callable[[], str], sleep: Callable[[float], None] = time.sleep) -> bool:
    """Try a check until it passes or a minute is over; log the outcome."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            log.info("ok: %s", body())
        except (CheckFailed, OSError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS:
                log.error("failed: %s: %s", name, error)  # noqa: TRY400 - a sentence for people, not a stack
                return False
            sleep(PAUSE_SECONDS)
        else:
            return True
    return False


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Check the kinds, the operator and, where there is one, the store; 0 only when all pass."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    checks: list[tuple[str, Callable[[], str]]] = [("kinds", check_kinds)]
    for name, variable in (("operator", "SLIPWAY_CHECK_OPERATOR"), ("store", "SLIPWAY_CHECK_STORE")):
        if url := environment.get(variable):
            checks.append((name, partial(check_http, name, url)))
    results = [check(name, body) for name, body in checks]  # all of them, so that one run shows every fault
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
