"""What makes a run or a revision the same one: hashes that no operator release may change for an unchanged object."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from slipway_operator.domain.planning import Kind

SETTINGS_OUTSIDE_A_RUN = frozenset(
    {
        "nodes",
        "processes_per_node",
        "gpus",
        "suspend",
        "checkpoint",
        "failure_policy",
        "ttl_seconds_after_finished",
        "history",
        "deletion_policy",
        "pod_template",
    }
)
"""Fields that say how a run is carried out, not what it means; changing them starts no new run."""

ATTEMPT_SETTINGS = frozenset(
    {"nodes", "processes_per_node", "gpus", "checkpoint", "failure_policy", "pod_template"},
)
"""Those of them that an attempt is started with: changing one may mend what made a run fail."""

RUN_LENGTH = 16
SETTINGS_LENGTH = 10
REVISION_LENGTH = 10


def canonical(value: Any) -> bytes:
    """JSON bytes that are equal for equal values: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(value: Any, length: int) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()[:length]


def meaning(spec: BaseModel) -> dict[str, Any]:
    """The spec without fields at their default and without those that only say how it is carried out.

    Dropping defaults means that a release which adds a field with a default leaves every hash as it was.
    """
    dumped: dict[str, Any] = spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude=set(SETTINGS_OUTSIDE_A_RUN)
    )
    return dumped


def run_hash(kind: Kind, spec: BaseModel, inputs: Mapping[str, str]) -> str:
    """Identity of a run: 16 hexadecimal digits over kind, meaning of the spec and identities of its inputs."""
    return fingerprint({"kind": kind.value, "spec": meaning(spec), "inputs": dict(inputs)}, RUN_LENGTH)


def settings_hash(spec: BaseModel) -> str:
    """What an attempt is started with, besides what the run means: 10 hexadecimal digits, defaults dropped."""
    dumped = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=set(ATTEMPT_SETTINGS))
    return fingerprint(dumped, SETTINGS_LENGTH)


def revision_hash(artifact: Mapping[str, str], serving: Mapping[str, Any]) -> str:
    """Identity of a revision: 10 hexadecimal digits over the artifact and the serving configuration."""
    return fingerprint({"artifact": dict(artifact), "serving": dict(serving)}, REVISION_LENGTH)
