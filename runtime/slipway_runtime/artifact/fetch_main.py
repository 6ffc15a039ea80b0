"""``slipway-fetch``: bring models into a directory and verify every byte; the serving pod's first step."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway_runtime.artifact.source import obtain
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import run_program
from slipway_runtime.spec.summary import Outcome, Summary

_log = logging.getLogger(__name__)

_EPILOG = """\
URI: <store>/manifests/<sha256> (an artifact), a package directory or URI prefix, or a raw .onnx file;
schemes s3, https, http, pvc, file, or a plain path. Credentials: files endpoint, region, accessKeyId and
secretAccessKey in the directory $SLIPWAY_STORE, else the environment's.

exit codes: 0 done; 64 missing, corrupt or refused: fix and start again; 75 the store does not answer: try again
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, fetch, and exit with the contract's code."""
    parser = argparse.ArgumentParser(
        prog="slipway-fetch",
        description="Fetch models and verify every byte against their manifests.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", action="append", required=True, metavar="NAME=URI", help="a model; may be repeated")
    parser.add_argument("--into", required=True, type=Path, metavar="DIR", help="each model goes to DIR/NAME")
    options = parser.parse_args(argv)
    configure_logging()
    sys.exit(run_program(lambda context: _fetch_all(context, options.model, options.into), os.environ))


def _fetch_all(context: RunContext, models: Sequence[str], into: Path) -> Summary:
    names = []
    for text in models:
        name, uri = parse_model(text)
        manifest = obtain(uri, into / name, context.mounts)
        _log.info("fetched", extra={"model": name, "digest": manifest.digest, "bytes": manifest.size_bytes})
        names.append(name)
    return Summary(outcome=Outcome.PUBLISHED, message=f"fetched and verified {', '.join(names)}")


def parse_model(text: str) -> tuple[str, str]:
    """Split ``NAME=URI``.

    Raises:
        ConfigError: There is no name, no URI, or the name leaves the directory.
    """
    name, _, uri = text.partition("=")
    if not name or not uri or "/" in name or name in {".", ".."}:
        raise ConfigError(f"--model {text!r}: write NAME=URI, where NAME is a plain name")
    return name, uri
