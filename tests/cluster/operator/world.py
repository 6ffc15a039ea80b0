"""What the tests see and do, as administrator."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from slipway_devcluster import Cluster
from slipway_operator.cluster.resources import APPLIED, OWNERS

KINDS = ",".join(f"{resource.plural}.{resource.group}".rstrip(".") for resource in (*OWNERS, *APPLIED))


def until(what: str, check: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until a check holds."""
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, f"after {patience:.0f} s still not: {what}"
        time.sleep(0.25)


def apply(cluster: Cluster, namespace: str, *manifests: dict[str, Any]) -> None:
    """Apply objects as a user would."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    cluster.kubectl("-n", namespace, "apply", "--server-side", "-f", "-", stdin=json.dumps(listed))


def objects(cluster: Cluster, namespace: str, kinds: str = KINDS) -> list[dict[str, Any]]:
    """All objects of these kinds that are ours."""
    found: list[dict[str, Any]] = json.loads(cluster.kubectl("-n", namespace, "get", kinds, "-o", "json"))["items"]
    return [
        one
        for one in found
        if one["apiVersion"].startswith("slipway.dev/") or "slipway.dev/kind" in one["metadata"].get("labels", {})
    ]


def versions(cluster: Cluster, namespace: str) -> dict[str, str]:
    """resourceVersion by kind and name."""
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in objects(cluster, namespace)
    }


def names(cluster: Cluster, namespace: str) -> set[str]:
    """kind/name of all objects."""
    return set(versions(cluster, namespace))


def status(cluster: Cluster, namespace: str, resource: str, name: str) -> dict[str, Any]:
    """An object's status; empty without one."""
    found: dict[str, Any] = json.loads(cluster.kubectl("-n", namespace, "get", resource, name, "-o", "json"))
    return dict(found.get("status", {}))


def reason(cluster: Cluster, namespace: str, resource: str, name: str) -> str:
    """Reason of an object's Ready condition; empty without one."""
    return _ready(status(cluster, namespace, resource, name), "reason")


def message(cluster: Cluster, namespace: str, resource: str, name: str) -> str:
    """Message of an object's Ready condition; empty without one."""
    return _ready(status(cluster, namespace, resource, name), "message")


def _ready(told: dict[str, Any], field: str) -> str:
    return next((str(one[field]) for one in told.get("conditions", []) if one["type"] == "Ready"), "")


def pods(cluster: Cluster, namespace: str, name: str) -> list[dict[str, Any]]:
    """Pods of an object of ours, in order of their names."""
    selector = f"--selector=slipway.dev/name={name}"
    found = json.loads(cluster.kubectl("-n", namespace, "get", "pods", selector, "-o", "json"))["items"]
    return sorted(found, key=lambda one: str(one["metadata"]["name"]))


def tell_pod(cluster: Cluster, namespace: str, pod: str, status: dict[str, Any]) -> None:
    """Write a pod's status as a kubelet or the scheduler would; a control plane alone has neither."""
    cluster.kubectl(
        "-n",
        namespace,
        "patch",
        "pod",
        pod,
        "--subresource=status",
        "--type=strategic",
        "-p",
        json.dumps({"status": status}),
    )


def ended(code: int, message: str = "") -> dict[str, Any]:
    """Status of a pod whose program has ended."""
    state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", "message": message}}
    container = {"name": "train", "image": "train:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [container]}


def secret(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """A Secret's values; empty when there is none."""
    found = cluster.kubectl("-n", namespace, "get", "secret", name, "-o", "json", "--ignore-not-found")
    data: dict[str, str] = json.loads(found)["data"] if found.strip() else {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def training_job(name: str, **spec: Any) -> dict[str, Any]:
    """A small TrainingJob."""
    return _object("TrainingJob", name, {"recipe": {"classifier": {}}, "dataset": {"uri": "builtin://digits"}, **spec})


def compression_job(name: str, source: str) -> dict[str, Any]:
    """A CompressionJob of a TrainingJob's model, or of the artifact at a URI."""
    spec = {
        "source": {"uri": source} if "://" in source else {"from": {"kind": "TrainingJob", "name": source}},
        "passes": [{"quantize": {"scheme": "int8-dynamic"}}],
        "evaluation": {"dataset": {"uri": "builtin://digits"}},
    }
    return _object("CompressionJob", name, spec)


def model_service(name: str, sha256: str, **spec: Any) -> dict[str, Any]:
    """A ModelService of an artifact."""
    return _object("ModelService", name, {"model": {"uri": f"s3://models/manifests/{sha256}"}, **spec})


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
