"""``make demo``: cluster, images, chart, three objects, real requests, before and after."""

import argparse
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from slipway_demo.answers import forwarded, show_answers
from slipway_demo.install import ROOT, given_cluster, own_cluster, step
from slipway_demo.progress import Stuck, wait_ready
from slipway_devcluster import CommandError


def before_and_after(report: dict[str, Any]) -> Table:
    """The report of a CompressionJob as a table."""
    table = Table(title="Before and after compression")
    for heading in ("", "before", "after", ""):
        table.add_column(heading, justify="right")
    before, after = report["before"], report["after"]
    table.add_row("bytes", f"{before['bytes']:,}", f"{after['bytes']:,}", f"{float(report['sizeRatio']):.2f}x smaller")
    table.add_row("latency, ms", before["latencyMs"], after["latencyMs"], pace(float(report["speedup"])))
    for old, new in zip(before.get("metrics", []), after.get("metrics", []), strict=True):
        change = float(new["value"]) - float(old["value"])
        table.add_row(old["name"], old["value"], new["value"], f"{change:+.4f}")
    return table


def pace(speedup: float) -> str:
    """A speedup in words: small models gain size, not always speed."""
    return f"{speedup:.2f}x faster" if speedup >= 1 else f"{1 / speedup:.2f}x slower"


def main() -> int:
    """Run the demo; the exit code is 0 only when the whole chain answered."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--cluster", default="dev", help="name of the devcluster (default: %(default)s)")
    parser.add_argument("--namespace", default="slipway-demo", help="namespace of the objects (default: %(default)s)")
    options = parser.parse_args()
    begun = time.monotonic()
    try:
        target = given_cluster() or own_cluster(options.cluster)
        with step("Install the chart"):
            target.install()
        with step("Apply examples/digits/: three objects at once"):
            namespace = target.run("create", "namespace", options.namespace, "--dry-run=client", "-o", "yaml")
            target.run("apply", "-f", "-", stdin=namespace)
            print(
                target.run("apply", "--namespace", options.namespace, "-f", str(ROOT / "examples" / "digits")).rstrip()
            )
        with step("Train, compress, serve"):
            items = wait_ready(target, options.namespace, timeout=900)
        with step("Ask the served model"), forwarded(target, options.namespace, "digits") as url:
            show_answers(url, "digits")
    except (CommandError, Stuck) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    reports = [item["status"]["report"] for item in items if item["kind"] == "CompressionJob"]
    for report in reports:
        Console().print(before_and_after(report))
    print(target.run("get", "slipway", "--namespace", options.namespace).rstrip())
    print(f"\nThe whole chain took {time.monotonic() - begun:.0f} s. Look around with:")
    print(f"  export KUBECONFIG={target.kubeconfig}")
    print(f"  {target.kubectl} --namespace {options.namespace} describe msv digits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
