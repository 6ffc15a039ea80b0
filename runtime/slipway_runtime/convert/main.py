"""``slipway-convert``: make an ordinary artifact of a model file that another library wrote."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from slipway_runtime.convert.errors import SUPPORTED
from slipway_runtime.run.context import RunContext, explain_validation
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.logs import configure_logging
from slipway_runtime.run.program import run_program
from slipway_runtime.spec.convert import ConvertSpec, ModelFormat
from slipway_runtime.spec.summary import Summary

_EPILOG = f"""\
formats: {SUPPORTED}.

The format is recognised by the file's content. The result is compared with its source on samples, or on examples made
up from the signature. In a pod the arguments come from SLIPWAY_SPEC, SLIPWAY_SOURCE and SLIPWAY_STORE.

exit codes: 0 done; 64 the model or the settings must change; 65 ONNX answers otherwise than the source, nothing was
published; 75 the store does not answer: try again
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, convert, and exit with the contract's code."""
    parser = argparse.ArgumentParser(
        prog="slipway-convert",
        description="Convert a model file to ONNX, prove that it answers alike, and publish it as an artifact.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", metavar="FILE|DIR|URI", help="the model (default: $SLIPWAY_SOURCE)")
    parser.add_argument("--output", metavar="DIR|URI", help="where the package goes (default: the pod's store)")
    parser.add_argument("--secret", metavar="NAME", help="mounted Secret to read the source with")
    parser.add_argument("--format", choices=[one.value for one in ModelFormat], help="instead of what is recognised")
    parser.add_argument(
        "--allow-pickle", action="store_true", default=None, help="run the code inside a pickle; only if you trust it"
    )
    parser.add_argument("--samples", metavar="URI", help="examples to compare on: .npz, .npy, .csv of numbers, .txt")
    parser.add_argument("--input-shape", metavar="3,224,224", help="one example's shape, for TorchScript")
    parser.add_argument("--classes", metavar="A,B,C", help="label names in the order of the outputs")
    options = parser.parse_args(argv)
    configure_logging()
    sys.exit(run_program(lambda context: _run(context, options), os.environ, output=options.output))


def _run(context: RunContext, options: argparse.Namespace) -> Summary:
    source = options.source or context.source
    if not source:
        raise ConfigError("no source: give --source FILE, DIR or URI (in a pod: SLIPWAY_SOURCE)")
    if context.key is None and not context.output:
        raise ConfigError("no output: give --output DIR or URI")
    spec = _settings(context.parse_spec(ConvertSpec) if context.spec_json else ConvertSpec(), options)
    # onnx and onnxruntime take a second to import: not before the arguments are known to be good.
    from slipway_runtime.convert.job import convert_model

    return convert_model(context, source, spec, secret_name=options.secret or context.source_secret)


def _settings(spec: ConvertSpec, options: argparse.Namespace) -> ConvertSpec:
    """The spec, with what the command line says instead.

    Raises:
        ConfigError: An option does not read.
    """
    given: dict[str, Any] = {
        "format": options.format,
        "allowPickle": options.allow_pickle,
        "samples": {"uri": options.samples} if options.samples else None,
        "inputShape": options.input_shape.split(",") if options.input_shape else None,
        "classes": options.classes.split(",") if options.classes else None,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return ConvertSpec.model_validate({**spec.model_dump(by_alias=True, exclude_unset=True), **chosen})
    except ValidationError as error:
        raise ConfigError(explain_validation("command line", error)) from error
