"""Names and labels of everything that Slipway creates."""

from slipway_operator.api.meta import GROUP
from slipway_operator.domain.planning import Key, Kind

MANAGED_BY = "slipway"
KIND_LABEL = f"{GROUP}/kind"
NAME_LABEL = f"{GROUP}/name"
RUN_LABEL = f"{GROUP}/run"
ATTEMPT_LABEL = f"{GROUP}/attempt"
REVISION_LABEL = f"{GROUP}/revision"
DIGEST_ANNOTATION = f"{GROUP}/digest"
ARTIFACT_ANNOTATION = f"{GROUP}/artifact"

RUN_IN_NAMES = 8


def labels(key: Key, run: str | None = None, attempt: int | None = None) -> dict[str, str]:
    """Labels of a child; those of runs only where they are given."""
    wanted = {
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/name": key.kind.lower(),
        "app.kubernetes.io/instance": key.name,
        KIND_LABEL: key.kind.value,
        NAME_LABEL: key.name,
    }
    if run is not None:
        wanted[RUN_LABEL] = run
    if attempt is not None:
        wanted[ATTEMPT_LABEL] = str(attempt)
    return wanted


def selector(key: Key) -> dict[str, str]:
    """Labels that only the pods of this object carry."""
    return {KIND_LABEL: key.kind.value, NAME_LABEL: key.name}


def attempt_name(key: Key, run: str, attempt: int) -> str:
    """Name of an attempt's Job."""
    infix = "-import" if key.kind is Kind.MODEL_SERVICE else ""
    return f"{key.name}{infix}-{run[:RUN_IN_NAMES]}-{attempt}"


def run_service_name(key: Key, run: str) -> str:
    """Name of the headless Service in which the ranks of a run find each other."""
    return f"{key.name}-{run[:RUN_IN_NAMES]}"


def network_policy_name(key: Key) -> str:
    """Name of the object's NetworkPolicy; kinds never share one, though their objects may share a name."""
    suffix = {Kind.TRAINING_JOB: "-train", Kind.COMPRESSION_JOB: "-compress", Kind.MODEL_SERVICE: ""}[key.kind]
    return f"{key.name}{suffix}"
