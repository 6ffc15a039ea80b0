"""The command line: `slipway-devcluster`."""

import argparse
import sys
from collections.abc import Sequence

from slipway_devcluster import binaries
from slipway_devcluster.cluster import Cluster, as_json
from slipway_devcluster.errors import DevclusterError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway-devcluster",
        description="A real Kubernetes on this machine, from packages alone. Needs root.",
    )
    parser.add_argument("--name", default="dev", help="name of the cluster (default: %(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default=argparse.SUPPRESS, help="name of the cluster (default: dev)")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[named])

    add("binaries", "build and cache all programs; prints their paths as JSON")
    up = add("up", "bring the cluster up, or complete it; prints the line that selects it")
    up.add_argument("--nodes", type=int, default=1, metavar="N", help="number of nodes (default: 1)")
    up.add_argument("--control-plane-only", action="store_true", help="API server and controllers, no node")
    up.add_argument("--controllers", default="*", help="controllers to run, as kube-controller-manager takes them")
    add("down", "remove the cluster with all its data")
    add("status", "print components and nodes as JSON")
    add("kubeconfig", "print the path of the kubeconfig")
    return parser


def _do(arguments: argparse.Namespace) -> None:
    cluster = Cluster(arguments.name)
    match arguments.verb:
        case "binaries":
            print(as_json({name: str(path) for name, path in binaries.binary_paths().items()}))
        case "up":
            cluster.up(
                arguments.nodes,
                control_plane_only=arguments.control_plane_only,
                controllers=arguments.controllers,
            )
            print(f"export KUBECONFIG={cluster.kubeconfig}")
        case "down":
            cluster.down()
        case "status":
            print(as_json(cluster.status()))
        case "kubeconfig":
            print(cluster.kubeconfig)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 with a message on stderr when it could not be."""
    arguments = _parser().parse_args(argv)
    try:
        _do(arguments)
    except DevclusterError as error:
        print(f"slipway-devcluster: {error}", file=sys.stderr)
        return 1
    return 0
