"""``python -m tests.bench.serving``: measure and print a table."""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import onnxruntime

from tests.bench.machine import machine
from tests.bench.serving.measure import (
    Load,
    bare_inference,
    import_seconds,
    running,
    start_seconds,
    under_grpc_load,
    under_load,
)
from tests.bench.serving.model import FEATURES, request_bodies, write_mlp
from tests.bench.serving.overload import TOGETHER, overload, peak
from tests.unit.runtime.serve.models import write_slow

OVERLOAD_ROWS = 16
GRPC_ECHO = [sys.executable, "-m", "tests.bench.serving.grpc_echo"]
ECHO = [sys.executable, "-m", "tests.bench.serving.echo"]


def main() -> None:
    """Print start, memory and CPU figures of this machine, now."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="requests a round")
    parser.add_argument("--connections", type=int, default=32, help="connections that ask at once")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, interleaved; the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "mlp.onnx"
        write_mlp(model)
        serve = [sys.executable, "-c", "from slipway_runtime.serve.main import main; main()", "--model", f"m={model}"]
        _report_start(serve, model, options.rounds)
        _report_load(serve, model, options)
        _report_overload(Path(folder))


def _report_start(serve: list[str], model: Path, rounds: int) -> None:
    starts, floors, memory = [], [], []
    for _ in range(rounds):
        seconds, resident = start_seconds(serve)
        starts.append(seconds)
        memory.append(resident)
        floors.append(import_seconds(model))
    print(machine(f"onnxruntime {onnxruntime.__version__}"))
    print("| start to ready | best s | median s | RSS MB |\n|---|---|---|---|")
    print(f"| slipway-serve | {min(starts):.2f} | {statistics.median(starts):.2f} | {min(memory):.0f} |")
    print(f"| bare: import onnxruntime, load, run | {min(floors):.2f} | {statistics.median(floors):.2f} | |\n")


def _report_load(serve: list[str], model: Path, options: argparse.Namespace) -> None:
    plan = {
        "echo: granian RSGI, fixed answer": (ECHO, "/v2/models/m/infer"),
        "least: parse, array, run, write": ([*ECHO, "--model", str(model)], "/v2/models/m/infer"),
        "slipway-serve: /v2/models/m/infer": (serve, "/v2/models/m/infer"),
        "slipway-serve: /predict": (serve, "/predict"),
    }
    grpc_plan = {"echo: grpc.aio, fixed answer": GRPC_ECHO, "slipway-serve: gRPC ModelInfer": serve}
    best: dict[str, Load] = {}
    bare = float("inf")
    for _ in range(options.rounds):
        bare = min(bare, bare_inference(model))
        for name, (command, path) in plan.items():
            load = under_load(command, path, request_bodies(path), options.requests, options.connections)
            _keep(best, name, load)
        for name, command in grpc_plan.items():
            _keep(best, name, under_grpc_load(command, options.requests, options.connections))
    print(
        f"{FEATURES} floats a request: over HTTP in JSON, on {options.connections} connections; over gRPC as a raw "
        f"tensor, {options.connections} in flight on one connection. {options.requests} requests a round.\n"
    )
    print("| server | CPU µs/request | requests/s | failed |\n|---|---|---|---|")
    print(f"| bare session.run, no server | {bare:.1f} | {1e6 / bare:.0f} | 0 |")
    for name, load in best.items():
        print(f"| {name} | {load.cpu_microseconds:.1f} | {load.rate:.0f} | {load.failed} |")


def _keep(best: dict[str, Load], name: str, load: Load) -> None:
    if name not in best or load.cpu_microseconds < best[name].cpu_microseconds:
        best[name] = load


def _report_overload(folder: Path) -> None:
    """One core serves a model that takes some milliseconds; clients have the other."""
    model = folder / "slow.onnx"
    write_slow(model, size=512, repeats=20)
    serve = [sys.executable, "-c", "from slipway_runtime.serve.main import main; main()", "--model", f"m={model}"]
    tensor = {"name": "input", "shape": [OVERLOAD_ROWS, 1], "datatype": "FP32", "data": [1.0] * OVERLOAD_ROWS}
    body = json.dumps({"inputs": [tensor]}).encode()
    with running(["env", "SLIPWAY_CPUS=1", *serve]) as server:
        url = f"http://127.0.0.1:{server.port}/v2/models/m/infer"
        most = peak(url, body)
        print(f"\na model of {1000 / most:.0f} ms on one core; {TOGETHER} patient clients get {most:.0f} answers/s\n")
        print("| requests/s | answered with 200/s | of the peak | with 429/s | failed | p99 of 200, s |")
        print("|---|---|---|---|---|---|")
        for share in (0.8, 1.5, 3.0):
            found = overload(url, body, share * most)
            print(
                f"| {found.offered:.0f} ({share:g} times the peak) | {found.good:.0f} | {found.good / most:.0%} "
                f"| {found.refused:.0f} | {found.failed} | {found.p99:.2f} |"
            )


if __name__ == "__main__":
    main()
