"""An in-memory API server with the controllers and the kubelet that decisions rely on, and a model store.

It keeps Kubernetes' promises that matter to decisions: server-side apply writes only on change and refuses changes of
a Job's template, deletions have uid preconditions, status writes have a resourceVersion precondition, a Job's pods
outlive it until they have ended. Every write can fail, before or after it took effect.
"""

import hashlib
import itertools
import json
import marshal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from slipway_operator.domain.planning import (
    Deletion,
    Key,
    Kind,
    Plan,
    RawObject,
    Settings,
    Snapshot,
    StoreAccess,
    decide,
)

NAMESPACE = "team"
STORE = f"s3://slipway-{NAMESPACE}/"
SETTINGS = Settings(train_image="train:1", serve_image="serve:1")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHILD_KINDS = ("Job", "Pod", "Service", "Deployment", "PodDisruptionBudget", "ServiceAccount", "NetworkPolicy")
INDEX = "batch.kubernetes.io/job-completion-index"

Body = dict[str, Any]
ObjectKey = tuple[str, str]


CloneT = TypeVar("CloneT")


def clone(value: CloneT) -> CloneT:
    """A deep copy of JSON-like data; many times faster than ``copy.deepcopy``."""
    copied: CloneT = marshal.loads(marshal.dumps(value))  # type: ignore[arg-type]  # noqa: S302 - our own bytes
    return copied


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Crashed(Exception):
    """The operator died at this point."""


@dataclass
class Faults:
    """What goes wrong with the next writes: a code, or a crash; ``after`` lets the write take effect first."""

    queue: list[tuple[int | None, bool]] = field(default_factory=list)

    def around(self, write: Callable[[], None]) -> None:
        code, after = self.queue.pop(0) if self.queue else (0, False)
        if code == 0:
            write()
            return
        if after:
            write()
        if code is None:
            raise Crashed
        raise ApiError(code)


def artifact_digest(run: str) -> str:
    """What a run publishes; equal runs publish equal bytes."""
    return "sha256:" + hashlib.sha256(run.encode()).hexdigest()


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """The cluster and the store."""

    def __init__(self) -> None:
        self.now = START
        self.objects: dict[ObjectKey, Body] = {}
        self.results: dict[str, Body] = {}
        self.bad_digests: set[str] = set()
        self.faults = Faults()
        self.writes = 0
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)

    # -- the API server ------------------------------------------------------------------------------------------

    def view(self) -> dict[ObjectKey, Body]:
        """All objects as a list would show them now."""
        return clone(self.objects)

    def put(self, kind: str, name: str, body: Body) -> Body:
        """Create or replace, as users and controllers do."""
        old = self.objects.get((kind, name))
        metadata = body.setdefault("metadata", {})
        metadata["name"] = name
        metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{next(self._uids)}"
        metadata.setdefault("creationTimestamp", stamp(self.now))
        spec_changed = old is None or old.get("spec") != body.get("spec")
        metadata["generation"] = (old["metadata"]["generation"] if old else 0) + int(spec_changed)
        metadata["resourceVersion"] = str(next(self._versions))
        self.objects[kind, name] = body
        return body

    def apply(self, manifest: Mapping[str, Any]) -> None:
        def write() -> None:
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            wanted = clone(dict(manifest))
            old = self.objects.get((kind, name))
            if old is None:
                self.put(kind, name, wanted)
                self.writes += 1
                return
            if kind == "Job" and old["spec"] != wanted["spec"]:
                raise ApiError(422)
            merged = {**old, **{key: value for key, value in wanted.items() if key != "metadata"}}
            merged["metadata"] = {**old["metadata"], **wanted["metadata"]}
            if merged != old:
                self.put(kind, name, merged)
                self.writes += 1

        self.faults.around(write)

    def delete(self, deletion: Deletion) -> None:
        def write() -> None:
            old = self.objects.get((deletion.kind, deletion.name))
            if old is None:
                raise ApiError(404)
            if old["metadata"]["uid"] != deletion.uid:
                raise ApiError(409)
            self.writes += 1
            self.remove(deletion.kind, deletion.name)

        self.faults.around(write)

    def remove(self, kind: str, name: str) -> None:
        """Delete an object; a Job's or Deployment's pods begin to end."""
        gone = self.objects.pop((kind, name))
        for key, pod in list(self.objects.items()):
            if key[0] == "Pod" and pod["owner"] == gone["metadata"]["uid"]:
                self.end_pod(key[1])

    def write_status(self, kind: str, name: str, status: Mapping[str, Any], version: str) -> None:
        def write() -> None:
            old = self.objects.get((kind, name))
            if old is None:
                raise ApiError(404)
            if old["metadata"]["resourceVersion"] != version:
                raise ApiError(409)
            if old.get("status") != status:
                self.put(kind, name, {**clone(old), "status": json.loads(json.dumps(status))})
                self.writes += 1

        self.faults.around(write)

    # -- controllers and kubelets --------------------------------------------------------------------------------

    def named(self, kind: str) -> list[str]:
        return sorted(name for found, name in self.objects if found == kind)

    def pods_of(self, owner: str) -> list[str]:
        return [name for name in self.named("Pod") if self.objects["Pod", name]["owner"] == owner]

    def end_pod(self, name: str) -> None:
        pod = self.objects["Pod", name]
        if pod["status"]["phase"] in {"Succeeded", "Failed"}:
            self.objects.pop(("Pod", name))
        else:
            pod["metadata"].setdefault("deletionTimestamp", stamp(self.now + timedelta(seconds=30)))

    def run_controllers(self) -> None:
        for name in self.named("Job"):
            self._job(name)
        for name in self.named("Deployment"):
            self._deployment(name)
        for name in self.named("Pod"):
            pod = self.objects["Pod", name]
            if "deletionTimestamp" in pod["metadata"] and not pod.get("lost"):
                self.objects.pop(("Pod", name))

    def _pod(self, name: str, owner: Body, template: Body, labels: Body) -> None:
        metadata = {"labels": {**template["metadata"]["labels"], **labels}}
        metadata["annotations"] = dict(template["metadata"].get("annotations", {}))
        body = {"metadata": metadata, "owner": owner["metadata"]["uid"], "status": {"phase": "Pending"}}
        body["spec"] = clone(template["spec"])
        self.put("Pod", name, body)

    def _job(self, name: str) -> None:
        job = self.objects["Job", name]
        status = job.setdefault("status", {})
        if status.get("conditions"):
            return
        count = job["spec"]["completions"]
        if not status.get("started"):
            for index in range(count):
                self._pod(f"{name}-{index}", job, job["spec"]["template"], {INDEX: str(index)})
            status["started"] = True
            return
        pods = [self.objects["Pod", pod] for pod in self.pods_of(job["metadata"]["uid"])]
        phases = [pod["status"]["phase"] for pod in pods]
        if len(pods) < count or "Failed" in phases:
            for pod in pods:
                if pod["status"]["phase"] in {"Pending", "Running"}:
                    self.end_pod(pod["metadata"]["name"])
            if all(phase in {"Succeeded", "Failed"} for phase in phases):
                status["conditions"] = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
        elif all(phase == "Succeeded" for phase in phases):
            status["conditions"] = [{"type": "Complete", "status": "True"}]
            status["completionTime"] = stamp(self.now)

    def start_pods(self) -> None:
        for name in self.named("Pod"):
            pod = self.objects["Pod", name]
            if pod["status"]["phase"] == "Pending" and "deletionTimestamp" not in pod["metadata"]:
                pod["status"] = {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [_container({})]}

    def batch_pods(self) -> list[str]:
        """Running pods of Jobs."""
        return [
            name
            for name in self.named("Pod")
            if "slipway.dev/run" in self.objects["Pod", name]["metadata"]["labels"]
            and self.objects["Pod", name]["status"]["phase"] == "Running"
            and "deletionTimestamp" not in self.objects["Pod", name]["metadata"]
        ]

    def succeed(self, name: str, *, message_lost: bool = False) -> None:
        pod = self.objects["Pod", name]
        run = pod["metadata"]["labels"]["slipway.dev/run"]
        if pod["metadata"]["labels"].get(INDEX) == "0":
            digest = artifact_digest(run)
            uri = f"{STORE}manifests/{digest.removeprefix('sha256:')}"
            summary = {"outcome": "Published", "artifact": {"uri": uri, "digest": digest, "bytes": 7}}
            self.results.setdefault(run, summary)
        message = "" if message_lost else json.dumps(self.results.get(run, {}))
        self._end(pod, 0, message)

    def fail(self, name: str, code: int, reason: str = "Error") -> None:
        self._end(self.objects["Pod", name], code, "it broke", reason)

    def _end(self, pod: Body, code: int, message: str, reason: str = "Completed") -> None:
        ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": stamp(self.now)}
        phase = "Failed" if code else "Succeeded"
        pod["status"] = {"phase": phase, "containerStatuses": [_container({"terminated": ended})]}

    def lose_node(self, name: str) -> None:
        pod = self.objects["Pod", name]
        pod["lost"] = True
        pod["metadata"].setdefault("deletionTimestamp", stamp(self.now))

    def return_nodes(self) -> None:
        for name in self.named("Pod"):
            self.objects["Pod", name].pop("lost", None)

    def _deployment(self, name: str) -> None:
        deployment = self.objects["Deployment", name]
        template, uid = deployment["spec"]["template"], deployment["metadata"]["uid"]
        revision = template["metadata"]["labels"]["slipway.dev/revision"]
        replicas = deployment["spec"]["replicas"]
        pods = {pod: self.objects["Pod", pod] for pod in self.pods_of(uid)}
        new = [pod for pod, body in pods.items() if body["metadata"]["labels"]["slipway.dev/revision"] == revision]
        bad = template["metadata"]["annotations"]["slipway.dev/digest"] in self.bad_digests
        for index in range(replicas):
            pod = f"{name}-{uid}-{revision}-{index}"
            if ("Pod", pod) not in self.objects:
                self._pod(pod, deployment, template, {})
            elif not bad and "deletionTimestamp" not in pods[pod]["metadata"]:
                pods[pod]["status"] = {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [_container({}, ready=True)],
                }
            elif bad:
                crash = {"terminated": {"exitCode": 1, "reason": "Error", "message": "corrupt"}}
                pods[pod]["status"] = {"phase": "Pending", "initContainerStatuses": [_container(crash)]}
        ready = [pod for pod in new if pods[pod]["status"].get("conditions")]
        for pod in new[replicas:] if len(ready) >= replicas else []:
            self.end_pod(pod)
        done = len(ready) >= replicas
        if done:
            for pod in pods:
                if pod not in new:
                    self.end_pod(pod)
        reason = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "conditions": [{"type": "Progressing", "status": "True", "reason": reason}],
        }


def _container(state: Body, *, ready: bool = False) -> Body:
    return {"name": "main", "image": "main:1", "ready": ready, "state": state}


def snapshot(view: Mapping[ObjectKey, Body], key: Key) -> Snapshot | None:
    """What a decision about one object sees of a view."""
    owner = view.get((key.kind.value, key.name))
    if owner is None:
        return None
    labels = {"slipway.dev/kind": key.kind.value, "slipway.dev/name": key.name}
    children = {
        kind: tuple(
            raw(kind, body)
            for (found, _), body in view.items()
            if found == kind and labels.items() <= body["metadata"].get("labels", {}).items()
        )
        for kind in CHILD_KINDS
    }
    sources = {(kind, name): raw(kind, body) for (kind, name), body in view.items() if kind in set(Kind)}
    return Snapshot(key, raw(key.kind.value, owner), children, sources, StoreAccess(ready=True, uri=STORE))


def raw(kind: str, body: Body) -> RawObject:
    metadata = body["metadata"]
    return RawObject(kind, NAMESPACE, metadata["name"], metadata["uid"], metadata["resourceVersion"], body)


def reconcile(world: World, view: Mapping[ObjectKey, Body], key: Key) -> Plan | None:
    """One pass of one object over a view that may be old. Returns the plan; None when there is no such object.

    Raises:
        Crashed: The operator died in the middle.
    """
    seen = snapshot(view, key)
    if seen is None:
        return None
    plan = decide(seen, SETTINGS, world.now)
    try:
        for deletion in plan.delete:
            _unless_gone(world, deletion)
        for manifest in plan.apply:
            world.apply(manifest)
        if plan.status is not None:
            world.write_status(key.kind.value, key.name, plan.status, seen.owner.resource_version)
    except ApiError:
        return plan  # quietly again later, as after any refused write
    return plan


def _unless_gone(world: World, deletion: Deletion) -> None:
    try:
        world.delete(deletion)
    except ApiError as error:
        if error.code not in {404, 409}:
            raise


def keys(view: Mapping[ObjectKey, Body]) -> Iterable[Key]:
    return [Key(Kind(kind), NAMESPACE, name) for kind, name in sorted(view) if kind in set(Kind)]
