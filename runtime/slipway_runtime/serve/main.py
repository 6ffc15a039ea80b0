"""``slipway-serve``: the command line."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_MEBIBYTE = 1024 * 1024
# A message has fewer than 2^31 bytes.
_MOST_GRPC_MEBIBYTES = 2047


def main() -> None:
    """Run the program and exit with its code."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Serve until told to stop; returns an ``ExitCode``, and leaves a failure's reason as the termination message."""
    options = _parser().parse_args(arguments)
    # Imported late, so that --help and a wrong option answer at once.
    from slipway_runtime.run.logs import configure_logging

    configure_logging()
    try:
        _serve(options, env)
    except Exception as error:  # noqa: BLE001 - the frame is where every error ends
        return _fail(error, env)
    return 0


def _serve(options: argparse.Namespace, env: Mapping[str, str]) -> None:
    from slipway_runtime.serve.errors import ConfigInvalid
    from slipway_runtime.serve.server import ServerOptions, serve
    from slipway_runtime.serve.source import ModelSource

    sources = [ModelSource.parse(text) for text in options.model]
    if options.spec:
        from slipway_runtime.serve.spec import read_spec

        source, ignored = read_spec(Path(options.spec))
        for key in ignored:
            logging.getLogger(__name__).info("spec.%s is ignored: it only means something on Kubernetes", key)
        sources.append(source)
    if not sources:
        raise ConfigInvalid("nothing to serve; give --model NAME=DIR|URI|FILE.onnx or --spec FILE")
    names = [source.name for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigInvalid(f"--model names {', '.join(sorted(twice))} twice; each model needs a name of its own")
    server = ServerOptions(
        host=options.host,
        http_port=options.http_port,
        grpc_port=options.grpc_port,
        drain_grace=options.drain_grace,
        drain_timeout=options.drain_timeout,
        max_body=options.max_body_mib * _MEBIBYTE,
        grpc_max_message=options.grpc_max_message_mib * _MEBIBYTE,
        grpc_connection_age=options.grpc_connection_age,
        max_batch=options.max_batch,
        admin=options.admin,
        tls=options.tls,
        api_keys=options.api_keys,
        access_log=options.access_log,
    )
    asyncio.run(serve(tuple(sources), server, env))


def _fail(error: Exception, env: Mapping[str, str]) -> int:
    from slipway_runtime.run.errors import ConfigError
    from slipway_runtime.run.program import describe
    from slipway_runtime.run.termination import termination_log, write_termination
    from slipway_runtime.serve.errors import ConfigInvalid
    from slipway_runtime.spec.summary import Outcome

    summary, code = describe(ConfigError(str(error)) if isinstance(error, ConfigInvalid) else error)
    log = logging.getLogger(__name__)
    if summary.outcome is Outcome.CRASHED:
        log.error("crashed", exc_info=error)
    write_termination(termination_log(env), summary)
    log.error(summary.message, extra={"outcome": summary.outcome.value, "exitCode": code})
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway-serve",
        description="Serve models: the Open Inference Protocol v2 (REST and gRPC) and POST /predict.",
        epilog="Example: slipway-serve --model digits=./package, "
        "then: curl -d '{\"input_data\": [[0, 1]]}' localhost:8080/predict",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME=DIR|URI|FILE.onnx",
        help="a package directory, an artifact's URI or an ONNX file, and the name to serve it under; repeat for more",
    )
    parser.add_argument(
        "--spec", metavar="FILE", help="a ModelService, or just its spec, as YAML; spec.model.uri is served"
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: every one)")  # noqa: S104 - pods are reached from outside
    parser.add_argument("--http-port", type=_port, default=8080, metavar="PORT", help="HTTP port (default: 8080)")
    parser.add_argument(
        "--grpc-port",
        type=_port_or_none,
        default=8081,
        metavar="PORT",
        help="gRPC port (default: 8081); 0: no gRPC",
    )
    parser.add_argument(
        "--max-body-mib", type=_positive, default=64, metavar="MIB", help="largest body over HTTP (default: 64)"
    )
    parser.add_argument(
        "--grpc-connection-age",
        type=_age,
        default=20.0,
        metavar="SECONDS",
        help="after so long a gRPC connection's client is asked to open another one; what runs on it runs on "
        "(default: 20)",
    )
    parser.add_argument(
        "--grpc-max-message-mib",
        type=_mebibytes_of_grpc,
        default=256,
        metavar="MIB",
        help="largest message over gRPC (default: 256)",
    )
    parser.add_argument(
        "--max-batch",
        type=_positive,
        default=32,
        metavar="ROWS",
        help="rows of requests that arrive together to run as one inference, never waiting for more; "
        "1: each request alone (default: 32)",
    )
    parser.add_argument(
        "--admin", action="store_true", help="let requests load and unload models (the model_repository extension)"
    )
    parser.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="serve TLS with tls.crt and tls.key of a folder, read again when renewed",
    )
    parser.add_argument(
        "--api-keys",
        type=Path,
        metavar="DIR",
        help="ask every request but health and metrics for one of the keys that the files of a folder hold",
    )
    parser.add_argument(
        "--access-log",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="log a line for this share of the requests, evenly spread (0 to 1; default: none)",
    )
    parser.add_argument(
        "--drain-grace",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="after SIGTERM: unready, but still answering new requests for so long (default: 5)",
    )
    parser.add_argument(
        "--drain-timeout",
        type=_seconds,
        default=20.0,
        metavar="SECONDS",
        help="then: how long requests in flight may take to end (default: 20)",
    )
    return parser


def _port(text: str) -> int:
    number = _positive(text)
    if number > 65535:  # noqa: PLR2004 - TCP's own number
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return number


def _port_or_none(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _mebibytes_of_grpc(text: str) -> int:
    number = _positive(text)
    if number > _MOST_GRPC_MEBIBYTES:
        raise argparse.ArgumentTypeError(f"{text} is more than gRPC can carry ({_MOST_GRPC_MEBIBYTES})")
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _age(text: str) -> float:
    seconds = _seconds(text)
    if seconds < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds of at least 1")
    return seconds


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share (0 to 1)")
    return share


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 86400:  # noqa: PLR2004 - a day
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds (0 to a day)")
    return seconds
