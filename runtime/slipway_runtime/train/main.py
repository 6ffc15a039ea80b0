"""``slipway-train``: train what a spec says, in a pod or from a shell."""

import argparse
import os
import sys
from collections.abc import Sequence

from slipway_runtime.train.commandline import add_options, start

DESCRIPTION = """\
Train a model and publish it as an artifact: ONNX, safetensors, and a manifest with held-out metrics.

The spec is the `spec` of a TrainingJob, or the whole object:

  spec:
    recipe:
      classifier: {architecture: cnn, epochs: 8, learningRate: "0.002", schedule: cosine}
    dataset: {uri: builtin://digits}
    gate:
      metrics: [{name: accuracy, min: "0.95"}]

  slipway-train --spec job.yaml --output ./digits
"""

EPILOG = """\
Stopped with Ctrl-C or SIGTERM, it saves a checkpoint below the output; the same command goes on from there.

exit codes: 0 published; 64 the spec or the data must change; 65 the gate refused, nothing was published;
75 passing trouble, try again; 76 stopped on request, progress is saved; anything else is a crash.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="slipway-train",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    chosen = parser.parse_args(arguments)
    return start(chosen.spec, chosen.output, chosen.processes, (), os.environ)


if __name__ == "__main__":
    sys.exit(main())
