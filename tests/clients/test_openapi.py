"""What /openapi.json promises is what the process answers: schemathesis makes requests of it and checks the answers."""

from pathlib import Path

from tests.clients.running import run
from tests.unit.runtime.serve.process import Served

_EXAMPLES = 20
_CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"


def test_openapi_document_is_true(python: Path, server: Served) -> None:
    words = ["-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--no-color", "--seed", "1"]
    words += ["--checks", _CHECKS, "--max-examples", str(_EXAMPLES), "--phases", "examples,fuzzing"]
    # Loading and unloading would take away the models that the other operations ask.
    words += ["--exclude-path-regex", "/(load|unload)$", "--generation-database", "none", "--warnings", "off"]
    done = run(python, words)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
