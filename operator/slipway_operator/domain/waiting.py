"""Why a pod does not run yet, in words that say what to do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slipway_operator.api.conditions import Reason
from slipway_operator.domain.observed import ContainerStatus, Pod, SeenCondition

_PULL_REASONS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})

_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull)?:? ?')
_MISSING = re.compile(r'(secret|configmap|persistentvolumeclaim) "?([a-z0-9][-a-z0-9.]*)"? not found', re.IGNORECASE)
_MISSING_KIND = {"secret": "Secret", "configmap": "ConfigMap", "persistentvolumeclaim": "PersistentVolumeClaim"}
_MOUNT = re.compile(r"MountVolume|AttachVolume|Unable to attach or mount", re.IGNORECASE)
_INSUFFICIENT = re.compile(r"Insufficient ([a-zA-Z0-9./_-]*[a-zA-Z0-9])")
_OTHER_OBSTACLES = (
    ("didn't match Pod's node affinity/selector", "no node has the labels of spec.podTemplate.nodeSelector"),
    ("untolerated taint", "a taint keeps the pod off; add a toleration to spec.podTemplate.tolerations"),
    ("were unschedulable", "nodes are cordoned"),
    ("volume node affinity conflict", "its volume is on another node"),
    ("no nodes available", "the cluster has no node"),
)
_COUNTED_NODES = re.compile(r"^\d+/\d+ nodes are available: ")
_PREEMPTION = re.compile(r"[;,.]? ?preemption: .*$", re.DOTALL)


@dataclass(frozen=True)
class Trouble:
    """Why something waits."""

    reason: Reason
    message: str
    pod: str | None = None
    passing: bool = False
    """Whether it can end without anybody's help, for example when a node is added."""


def pod_trouble(pods: Iterable[Pod], warnings: Mapping[str, str]) -> Trouble | None:
    """The first trouble among the pods in order of their names; None while all of them run or are about to."""
    for pod in sorted(pods, key=lambda one: one.name):
        if pod.terminal or pod.deleting:
            continue
        found = _containers(pod) or _scheduling(pod) or _mounting(pod, warnings.get(pod.name, ""))
        if found is not None:
            return found
    return None


def refused(owner: str, warnings: Mapping[str, str]) -> Trouble | None:
    """Why a child's controller may make no pods: a quota, Pod Security or an admission webhook."""
    message = warnings.get(owner)
    return Trouble(Reason.CHILD_REFUSED, f"Its pods are refused: {message}", passing=True) if message else None


def _containers(pod: Pod) -> Trouble | None:
    for container in pod.containers:
        waiting = container.state.waiting
        if waiting is None:
            continue
        if waiting.reason in _PULL_REASONS:
            return Trouble(Reason.IMAGE_PULL_BACK_OFF, _pull_message(container), pod.name)
        if waiting.reason in _CONFIG_REASONS:
            return _config_trouble(pod, container, waiting.message)
    return None


def _pull_message(container: ContainerStatus) -> str:
    waiting = container.state.waiting
    detail = _BACK_OFF.sub("", waiting.message).strip() if waiting else ""
    ending = f" ({detail})" if detail else ""
    return (
        f"Image {container.image} of container {container.name} cannot be pulled{ending}. "
        "Check its name and tag, and spec.podTemplate.imagePullSecrets for a private registry."
    )


def _config_trouble(pod: Pod, container: ContainerStatus, message: str) -> Trouble:
    missing = _missing(message)
    if missing is not None:
        return Trouble(Reason.VOLUME_NOT_MOUNTED, missing, pod.name)
    return Trouble(Reason.CONFIG_ERROR, f"Container {container.name} cannot be created: {message}", pod.name)


def _scheduling(pod: Pod) -> Trouble | None:
    found = next((one for one in pod.status.conditions if one.type == "PodScheduled"), None)
    if found is None or found.status != "False" or found.reason != "Unschedulable":
        return None
    missing = _missing(found.message)
    if missing is not None:
        return Trouble(Reason.VOLUME_NOT_MOUNTED, missing, pod.name)
    return Trouble(Reason.UNSCHEDULABLE, _schedule_message(found), pod.name, passing=True)


def _schedule_message(condition: SeenCondition) -> str:
    """What is missing, without the scheduler's counts of nodes, which change while the answer does not."""
    lacking = sorted(set(_INSUFFICIENT.findall(condition.message)))
    reasons = [f"not enough {name} is free on any node" for name in lacking]
    reasons += [words for sign, words in _OTHER_OBSTACLES if sign in condition.message]
    if not reasons:
        reasons = [_PREEMPTION.sub("", _COUNTED_NODES.sub("", condition.message)).strip().rstrip(".") or "no node fits"]
    return f"No node can take the pod: {'; '.join(reasons)}. It starts as soon as one can; or ask for less."


def _mounting(pod: Pod, warning: str) -> Trouble | None:
    if pod.status.phase != "Pending" or not _MOUNT.search(warning):
        return None
    return Trouble(Reason.VOLUME_NOT_MOUNTED, _missing(warning) or f"A volume cannot be mounted: {warning}", pod.name)


def _missing(message: str) -> str | None:
    found = _MISSING.search(message)
    if found is None:
        return None
    kind, name = _MISSING_KIND[found[1].lower()], found[2]
    remedy = "Create it in this namespace or correct the name in the spec."
    if kind == "Secret":
        remedy = (
            "Create it in this namespace with endpoint, region, accessKeyId and secretAccessKey, or correct secretName."
        )
    return f"{kind} {name} does not exist. {remedy}"
