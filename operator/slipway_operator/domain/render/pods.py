"""What all pods have in common: security, resources, scratch space, credentials and claims."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway_operator.api.meta import PodTemplate
from slipway_operator.domain.render.objects import Manifest

USER = 65532
RUNTIME = "/var/run/slipway"
STORE = f"{RUNTIME}/store"
SECRETS = f"{RUNTIME}/secrets"
CLAIMS = f"{RUNTIME}/pvc"
MODELS = f"{RUNTIME}/models"
HOME = "/home/slipway"

GPU = "nvidia.com/gpu"
NODE_TROUBLE_SECONDS = 10
"""How long a pod stays bound to a node that no longer answers; the next attempt is cheaper than waiting."""

_CLAIM_URI = re.compile(r"^pvc://(?P<claim>[^/]+)")


@dataclass(frozen=True)
class Amounts:
    """What a container may use when its object does not say; cpu as a request may be lower than as a limit."""

    cpu_request: str
    cpu_limit: str
    memory: str


@dataclass(frozen=True)
class Needs:
    """Secrets and claims that a spec names, in alphabetical order."""

    secrets: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()


def needs(*specs: Any) -> Needs:
    """Secrets (``secretName``) and claims (``pvc://claim/…``) that camelCase specs name at any depth."""
    found = list(strings(specs))
    return Needs(
        secrets=tuple(sorted({value for key, value in found if key == "secretName"})),
        claims=tuple(
            sorted({match["claim"] for key, value in found if key == "uri" and (match := _CLAIM_URI.match(value))})
        ),
    )


def strings(value: Any) -> Iterator[tuple[str, str]]:
    """All (key, text) pairs of a nested camelCase spec."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str):
                yield key, inner
            else:
                yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)


def variables(pairs: Mapping[str, str | None]) -> list[dict[str, str]]:
    """Environment variables in the given order; those without a value are left out."""
    return [{"name": name, "value": value} for name, value in pairs.items() if value is not None]


def cores(quantity: str) -> str:
    """A cpu quantity as a decimal number of cores: ``500m`` is ``0.5``."""
    if quantity.endswith("m"):
        return f"{float(quantity[:-1]) / 1000:.3f}".rstrip("0").rstrip(".")
    return quantity


def amounts(template: PodTemplate, default: Amounts) -> Amounts:
    """What a container may use: the user's word, else the default."""
    wanted = template.resources
    cpu = wanted.cpu if wanted else None
    memory = wanted.memory if wanted else None
    return Amounts(
        cpu_request=cpu or default.cpu_request, cpu_limit=cpu or default.cpu_limit, memory=memory or default.memory
    )


def resources(used: Amounts, gpus: int = 0) -> Manifest:
    """Requests and limits; memory and GPUs are never overcommitted."""
    devices = {GPU: str(gpus)} if gpus else {}
    return {
        "requests": {"cpu": used.cpu_request, "memory": used.memory, **devices},
        "limits": {"cpu": used.cpu_limit, "memory": used.memory, **devices},
    }


def container_security() -> Manifest:
    """What Pod Security ``restricted`` asks of a container, and a read-only root file system."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_security() -> Manifest:
    """What Pod Security ``restricted`` asks of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@dataclass(frozen=True)
class Volumes:
    """Volumes of a pod and where its containers see them."""

    volumes: list[Manifest]
    mounts: list[Manifest]


def scratch(*, shared_memory: bool) -> Volumes:
    """Writable space beside a read-only root: ``/tmp``, the home folder and, for worker processes, ``/dev/shm``.

    The runtime's own 64 MB of ``/dev/shm`` are too few for data loaders and collectives; a memory volume is bounded by
    the container's memory limit instead.
    """
    found = Volumes(
        volumes=[{"name": "tmp", "emptyDir": {}}, {"name": "home", "emptyDir": {}}],
        mounts=[{"name": "tmp", "mountPath": "/tmp"}, {"name": "home", "mountPath": HOME}],  # noqa: S108 - a volume
    )
    if shared_memory:
        found.volumes.append({"name": "shm", "emptyDir": {"medium": "Memory"}})
        found.mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - a volume
    return found


def credentials(store_secret: str, wanted: Needs, *, store_optional: bool) -> Volumes:
    """Secrets and claims as files.

    The store's Secret may be absent where pods have an identity of their own; a Secret that the user names must exist.
    """
    secret = {"secretName": store_secret, "defaultMode": 0o440, "optional": store_optional}
    found = Volumes(
        volumes=[{"name": "store", "secret": secret}],
        mounts=[{"name": "store", "mountPath": STORE, "readOnly": True}],
    )
    for number, name in enumerate(wanted.secrets):
        found.volumes.append({"name": f"secret-{number}", "secret": {"secretName": name, "defaultMode": 0o440}})
        found.mounts.append({"name": f"secret-{number}", "mountPath": f"{SECRETS}/{name}", "readOnly": True})
    for number, claim in enumerate(wanted.claims):
        found.volumes.append({"name": f"claim-{number}", "persistentVolumeClaim": {"claimName": claim}})
        found.mounts.append({"name": f"claim-{number}", "mountPath": f"{CLAIMS}/{claim}"})
    return found


def tolerations(template: PodTemplate, *, gpus: int = 0) -> list[Manifest]:
    """The user's tolerations, leaving an unreachable node after 10 s, and the usual taint of GPU nodes."""
    found: list[Manifest] = [
        {
            "key": f"node.kubernetes.io/{trouble}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": seconds,
        }
        for trouble, seconds in (("not-ready", NODE_TROUBLE_SECONDS), ("unreachable", NODE_TROUBLE_SECONDS))
    ]
    if gpus:
        found.append({"key": GPU, "operator": "Exists", "effect": "NoSchedule"})
    found.extend(one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in template.tolerations)
    return found


def pod_spec(
    template: PodTemplate,
    *,
    containers: Iterable[Manifest],
    volumes: Iterable[Manifest],
    grace_seconds: int,
    gpus: int = 0,
    **more: Any,
) -> Manifest:
    """A pod's spec that meets Pod Security ``restricted`` and carries no API token."""
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": grace_seconds,
        "tolerations": tolerations(template, gpus=gpus),
        "containers": list(containers),
        "volumes": list(volumes),
        **more,
    }
    if template.node_selector:
        spec["nodeSelector"] = dict(sorted(template.node_selector.items()))
    if template.priority_class_name:
        spec["priorityClassName"] = template.priority_class_name
    if template.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in template.image_pull_secrets]
    return spec
