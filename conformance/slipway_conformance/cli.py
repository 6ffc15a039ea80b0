"""The command line of the suite."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway_conformance import report
from slipway_conformance.models import NAMES, write_models
from slipway_conformance.server import Server
from slipway_conformance.suite import CASES, Choice, Result, run

_MOST_FAILURES = 100
_NO_SERVER = 125
_EPILOG = """
the models:   python -m slipway_conformance models DIR    writes the ONNX files that the server must serve
several:      python -m slipway_conformance table NAME=REPORT.json …    one Markdown table of several reports

The exit code is how many required cases failed (at most 100); 125: nobody answered.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    match words[:1]:
        case ["models"]:
            return _models(words[1:])
        case ["table"]:
            return _table(words[1:])
    return _suite(words)


def _suite(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    server = Server(options.url, options.timeout, options.grpc)
    choice = Choice(
        frozenset(options.groups or ()),
        None if options.models is None else frozenset(options.models),
        strict=options.strict,
        reload=options.reload,
    )
    results: list[Result] = []
    try:
        for result in run(server, choice):
            print(report.line(result), flush=True)
            results.append(result)
    except OSError as error:
        print(f"no answer from {options.url}: {error}", file=sys.stderr)
        return _NO_SERVER
    print(report.summary(results))
    told = report.as_json(results)
    if options.json:
        options.json.write_text(told, encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(report.markdown({options.name: json.loads(told)}), encoding="utf-8")
    return min(report.failing(results), _MOST_FAILURES)


def _models(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="slipway_conformance models", description="Write the models as ONNX files.")
    parser.add_argument("directory", type=Path, metavar="DIR")
    directory = parser.parse_args(words).directory
    write_models(directory)
    for name in NAMES:
        print(f"{name}={directory / name}.onnx")
    return 0


def _table(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="slipway_conformance table", description="One table of several reports.")
    parser.add_argument("reports", nargs="+", metavar="NAME=REPORT.json")
    servers = {}
    for word in parser.parse_args(words).reports:
        name, _, path = word.partition("=")
        servers[name] = json.loads(Path(path).read_text(encoding="utf-8"))
    print(report.markdown(servers), end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway_conformance",
        description="Judge a server by the Open Inference Protocol v2, its extensions and what real clients need.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = list(dict.fromkeys(case.group for case in CASES))
    parser.add_argument("url", metavar="http://HOST:PORT")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="address of the same server's gRPC; needs grpcio")
    parser.add_argument(
        "--groups", nargs="+", choices=groups, metavar="GROUP", help=f"only some of {', '.join(groups)}"
    )
    parser.add_argument(
        "--models", nargs="+", choices=NAMES, metavar="MODEL", help="which are served (default: those that are ready)"
    )
    parser.add_argument("--strict", action="store_true", help="every case is required")
    parser.add_argument("--reload", action="store_true", help="also unload and load a model")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for one answer (default: 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables there")
    parser.add_argument("--name", default="result", help="what the tables call the server")
    return parser
