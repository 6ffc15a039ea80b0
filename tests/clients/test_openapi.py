"""What /openapi.json promises is what the process answers: schemathesis makes requests of it and checks the answers."""

import subprocess
from pathlib import Path

from tests.clients.environment import ROOT
from tests.unit.runtime.serve.process import Served

_EXAMPLES = 20
_CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"


def test_openapi_document_is_true(python: Path, server: tuple[Served, str | None], environment: dict[str, str]) -> None:
    url = f"{server[0].url}/openapi.json"
    command = [str(python.parent / "schemathesis"), "run", url, "--checks", _CHECKS, "--max-examples", str(_EXAMPLES)]
    # Loading and unloading would take away the models that the other operations ask.
    command += ["--exclude-path-regex", "/(load|unload)$", "--seed", "1", "--no-color", "--phases", "examples,fuzzing"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
