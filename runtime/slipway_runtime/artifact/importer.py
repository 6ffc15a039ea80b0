"""``slipway-import``: make an artifact of a raw ``.onnx`` file or of a package that lies elsewhere, once."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from slipway_runtime.artifact.onnxfile import read_signature
from slipway_runtime.artifact.source import obtain
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import run_program
from slipway_runtime.spec.convert import ConvertSpec, wants_conversion
from slipway_runtime.spec.summary import Summary

_log = logging.getLogger(__name__)

_EPILOG = """\
In a pod the arguments come from SLIPWAY_SOURCE and SLIPWAY_STORE (or SLIPWAY_OUTPUT).

exit codes: 0 done; 64 the model or the store's settings must change; 75 the store does not answer: try again
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, import, and exit with the contract's code."""
    parser = argparse.ArgumentParser(
        prog="slipway-import",
        description="Check that a model loads, read its signature, and publish it as an artifact.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", metavar="URI", help="a raw .onnx file or a package (default: $SLIPWAY_SOURCE)")
    parser.add_argument("--output", metavar="DIR|URI", help="where the package goes (default: the pod's store)")
    parser.add_argument(
        "--secret", metavar="NAME", help="mounted Secret to read the source with (default: the store's)"
    )
    options = parser.parse_args(argv)
    configure_logging()
    sys.exit(
        run_program(
            lambda context: import_model(
                context, options.source or context.source, secret_name=options.secret or context.source_secret
            ),
            os.environ,
            output=options.output,
        )
    )


def import_model(context: RunContext, source: str | None, *, secret_name: str | None = None) -> Summary:
    """Fetch, check and publish a model.

    Raises:
        ConfigError: No source is named, or it does not load.
        ArtifactError, StoreError: It cannot be read or published.
    """
    if not source:
        raise ConfigError("no source: give --source URI (in a pod: SLIPWAY_SOURCE)")
    if wants_conversion(source, ConvertSpec()):
        raise ConfigError(f"{source}: is neither an .onnx file nor a package; convert it with slipway-convert")
    with tempfile.TemporaryDirectory(prefix="slipway-import-") as scratch:
        package = Path(scratch) / "package"
        manifest = obtain(source, package, context.mounts, secret_name=secret_name)
        found = read_signature(package / manifest.model_file, source)
        if found != manifest.signature:
            raise ConfigError(f"{source}: the manifest's signature is not the model's; write the package again")
        _log.info("model loads", extra={"model": manifest.name, "task": manifest.task.value, "digest": manifest.digest})
        return context.publish(package, message=f"imported {manifest.name} ({manifest.task.value}) from {source}")
