"""``slipway-compress``: make a model smaller and faster, and publish it only if it is still good."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from slipway_runtime.progress import PROGRESS_ENV, report
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import run_program
from slipway_runtime.run.specfile import read_spec
from slipway_runtime.spec.compress import CompressSpec
from slipway_runtime.spec.progress import PROGRESS_PORT
from slipway_runtime.spec.summary import Summary

_EPILOG = """\
job.yaml is a CompressionJob or only its spec:

  passes: [{quantize: {scheme: int8-static, calibration: {samples: 256}}}]
  evaluation: {dataset: {uri: builtin://digits}}
  gate: {metrics: [{name: accuracy, maxDrop: "0.01"}], minSizeRatio: "2.5"}

In a pod all arguments come from the environment: SLIPWAY_SPEC, SLIPWAY_SOURCE, SLIPWAY_STORE.

exit codes: 0 published; 64 spec, data or model must change; 65 the gate refused, nothing was published;
75 the store does not answer: try again
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, compress, and exit with the contract's code."""
    parser = argparse.ArgumentParser(
        prog="slipway-compress",
        description="Compress a model, measure it before and after, and publish it if the gate holds.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--spec", type=Path, metavar="FILE", help="what to do (default: $SLIPWAY_SPEC)")
    parser.add_argument(
        "--source", metavar="DIR|URI", help="package, artifact or .onnx file (default: $SLIPWAY_SOURCE)"
    )
    parser.add_argument("--output", metavar="DIR|URI", help="where the package goes (default: the pod's store)")
    options = parser.parse_args(argv)
    configure_logging()
    sys.exit(
        run_program(lambda context: _run(context, options.spec, options.source), os.environ, output=options.output)
    )


def _run(context: RunContext, spec_path: Path | None, source: str | None) -> Summary:
    with ExitStack() as stack:
        if context.key is not None:
            _serve_progress(stack)
        source = source or context.source
        if spec_path is not None:
            file = read_spec(spec_path, CompressSpec, kind="CompressionJob", source_given=source is not None)
            spec, source = file.spec, source or file.source_uri
        else:
            spec = context.parse_spec(CompressSpec)
        if not source:
            raise ConfigError("no source: give --source DIR or URI (in a pod: SLIPWAY_SOURCE)")
        if context.key is None and not context.output:
            raise ConfigError("no output: give --output DIR or URI")
        # onnx and onnxruntime take a second to import: not before the arguments are known to be good.
        from slipway_runtime.compress.job import compress

        return compress(context, spec, source, report)


def _serve_progress(stack: ExitStack) -> None:
    """Serve progress while this program runs; the operator polls it."""
    from slipway_runtime.progress.server import ProgressServer

    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-progress-"))
    path = Path(directory) / "progress.json"
    os.environ[PROGRESS_ENV] = str(path)
    stack.enter_context(ProgressServer(path, PROGRESS_PORT))
