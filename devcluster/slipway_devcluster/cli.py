"""The command line: `slipway-devcluster`."""

import argparse
import sys
from collections.abc import Sequence

from slipway_devcluster import binaries, images
from slipway_devcluster.cluster import Cluster
from slipway_devcluster.errors import DevclusterError
from slipway_devcluster.lifecycle import as_json, clusters

_EXAMPLES = """
examples:
  slipway-devcluster up --nodes 2
  slipway-devcluster images build
  slipway-devcluster images load slipway-operator slipway-serve
  slipway-devcluster capacity dev-0 nvidia.com/gpu=4
  slipway-devcluster link cut dev-1
  slipway-devcluster down

Everything is kept in ~/.cache/slipway, or where SLIPWAY_CACHE says.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slipway-devcluster",
        description="A real Kubernetes on this machine, from packages alone. Needs root.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    up.add_argument("--audit", action="store_true", help="the API server writes down what ServiceAccounts ask of it")
    add("down", "remove the cluster with all its data")
    add("status", "print components and nodes as JSON")
    add("list", "print the names of the clusters")
    add("kubeconfig", "print the path of the kubeconfig")
    _add_images(add("images", "build the project's images, or load them into nodes"), named)
    capacity = add("capacity", "let a node advertise extended resources")
    capacity.add_argument("node")
    capacity.add_argument("resources", nargs="+", metavar="RESOURCE=COUNT", help="such as nvidia.com/gpu=4")
    kubelet = add("kubelet", "stop (kill) or start a node's kubelet")
    kubelet.add_argument("action", choices=["stop", "start"])
    kubelet.add_argument("node")
    link = add("link", "cut a node from everything, or join it again")
    link.add_argument("action", choices=["cut", "restore"])
    link.add_argument("node")
    for verb, text in (
        ("cordon", "keep new pods off a node"),
        ("uncordon", "let new pods onto a node"),
        ("drain", "evict a node's pods"),
    ):
        add(verb, text).add_argument("node")
    kill = add("kill-container", "kill a container: NODE CONTAINER-ID, or --pod NAMESPACE/NAME")
    kill.add_argument("node", nargs="?")
    kill.add_argument("id", nargs="?", metavar="CONTAINER-ID")
    kill.add_argument("--pod", metavar="NAMESPACE/NAME")
    kill.add_argument("--container", help="name of the container (default: the pod's first)")
    restart = add("restart-apiserver", "kill the API server and start it again")
    restart.add_argument("--down", type=float, default=0.0, metavar="SECONDS", help="how long it stays dead")
    return parser


def _add_images(parser: argparse.ArgumentParser, named: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "build what changed; prints name → reference as JSON"
    build = actions.add_parser("build", help=text, description=text)
    names = [image.name for image in images.IMAGES]
    build.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}; repeatable"
    )
    text = "have images on nodes: names of the project's images, or references"
    load = actions.add_parser("load", help=text, description=text, parents=[named])
    load.add_argument("images", nargs="+", metavar="NAME")
    load.add_argument("--node", help="only this node (default: all)")


def parse_resources(words: Sequence[str]) -> dict[str, str]:
    """{"nvidia.com/gpu": "4"} of ["nvidia.com/gpu=4"].

    Raises:
        DevclusterError: a word is not RESOURCE=COUNT.
    """
    resources = {}
    for word in words:
        name, separator, count = word.partition("=")
        if not (name and separator and count.isdecimal()):
            raise DevclusterError(f"{word!r}: write RESOURCE=COUNT, such as nvidia.com/gpu=4")
        resources[name] = count
    return resources


def _life(arguments: argparse.Namespace, cluster: Cluster) -> None:
    match arguments.verb:
        case "binaries":
            print(as_json({name: str(path) for name, path in binaries.binary_paths().items()}))
        case "up":
            only, controllers = arguments.control_plane_only, arguments.controllers
            cluster.up(arguments.nodes, control_plane_only=only, controllers=controllers, audit=arguments.audit)
            print(f"export KUBECONFIG={cluster.kubeconfig}")
        case "down":
            cluster.down()
        case "status":
            print(as_json(cluster.status()))
        case "list":
            print("\n".join(clusters()))
        case "kubeconfig":
            print(cluster.kubeconfig)
        case "capacity":
            cluster.set_capacity(arguments.node, parse_resources(arguments.resources))


def _images(arguments: argparse.Namespace, cluster: Cluster) -> None:
    if arguments.action == "build":
        print(as_json(cluster.build_images(arguments.only)))
        return
    known = {image.name for image in images.IMAGES}
    built = cluster.build_images([name for name in arguments.images if name in known])
    for name in arguments.images:
        cluster.load(built.get(name, name), node=arguments.node)


def _fault(arguments: argparse.Namespace, cluster: Cluster) -> None:
    match (arguments.verb, getattr(arguments, "action", None)):
        case ("kubelet", "stop"):
            cluster.stop_kubelet(arguments.node)
        case ("kubelet", _):
            cluster.start_kubelet(arguments.node)
        case ("link", "cut"):
            cluster.cut_link(arguments.node)
        case ("link", _):
            cluster.restore_link(arguments.node)
        case ("cordon", _):
            cluster.cordon(arguments.node)
        case ("uncordon", _):
            cluster.uncordon(arguments.node)
        case ("drain", _):
            cluster.drain(arguments.node)
        case ("restart-apiserver", _):
            cluster.restart_api_server(down_seconds=arguments.down)
        case ("kill-container", _):
            _kill(arguments, cluster)


def _kill(arguments: argparse.Namespace, cluster: Cluster) -> None:
    if arguments.pod:
        namespace, separator, pod = arguments.pod.partition("/")
        if not separator:
            raise DevclusterError(f"--pod {arguments.pod!r}: write NAMESPACE/NAME")
        cluster.kill_pod_container(namespace, pod, arguments.container)
    elif arguments.node and arguments.id:
        cluster.kill_container(arguments.node, arguments.id)
    else:
        raise DevclusterError("kill-container: give NODE and CONTAINER-ID, or --pod NAMESPACE/NAME")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when done, 1 with a message on stderr when it could not be."""
    arguments = _parser().parse_args(argv)
    try:
        cluster = Cluster(arguments.name)
        if arguments.verb == "images":
            _images(arguments, cluster)
        elif arguments.verb in {"binaries", "up", "down", "status", "list", "kubeconfig", "capacity"}:
            _life(arguments, cluster)
        else:
            _fault(arguments, cluster)
    except DevclusterError as error:
        print(f"slipway-devcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
