"""What serves now, and whether the wanted revision does: read from pods that are really ready."""

from collections.abc import Mapping
from dataclasses import dataclass

from slipway_operator.api.conditions import Reason
from slipway_operator.api.modelservice import ActiveRevision, ModelServiceStatus, TargetState
from slipway_operator.domain.conditions import Position, Standing, going, stuck
from slipway_operator.domain.failure import Ended, container_failure
from slipway_operator.domain.naming import ARTIFACT_ANNOTATION, DIGEST_ANNOTATION
from slipway_operator.domain.observed import Deployment, Pod, SeenCondition, find
from slipway_operator.domain.render.serving import PROGRESS_DEADLINE_SECONDS, Revision
from slipway_operator.domain.waiting import pod_trouble
from slipway_runtime.spec.summary import Metrics

ROLLED_OUT = "NewReplicaSetAvailable"


@dataclass(frozen=True)
class Health:
    """How the wanted revision does."""

    standing: Standing
    state: TargetState
    failure: Ended | None = None


def active_revision(
    pods: tuple[Pod, ...], status: ModelServiceStatus, wanted: Revision | None, metrics: Metrics
) -> ActiveRevision | None:
    """The revision that answers requests; None when none does.

    While two revisions answer, the older one is it until its last ready pod is gone.
    """
    ready = {pod.revision: pod for pod in pods if pod.revision and pod.ready and _digest(pod)}
    if not ready:
        return None
    before = status.active.revision if status.active is not None else None
    others = sorted(name for name in ready if wanted is None or name != wanted.hash)
    chosen = ready[before if before in others else others[0] if others else next(iter(ready))]
    digest = _digest(chosen)
    known: Mapping[str | None, Metrics] = {
        **({status.target.digest: status.target.metrics} if status.target is not None else {}),
        **({status.active.digest: status.active.metrics} if status.active is not None else {}),
        **({wanted.digest: metrics} if wanted is not None else {}),
    }
    return ActiveRevision(
        digest=digest,
        uri=chosen.metadata.annotations.get(ARTIFACT_ANNOTATION, ""),
        revision=chosen.revision,
        metrics=known.get(digest, ()),
    )


def _digest(pod: Pod) -> str:
    return pod.metadata.annotations.get(DIGEST_ANNOTATION, "")


def health(
    deployment: Deployment | None,
    pods: tuple[Pod, ...],
    wanted: Revision,
    *,
    replicas: int,
    active: ActiveRevision | None,
    warnings: Mapping[str, str],
) -> Health:
    """How the wanted revision does, and what that means for the whole object."""
    title = f"Revision {wanted.hash} ({wanted.digest[:19]})"
    if deployment is None or deployment.revision != wanted.hash or not deployment.current:
        return Health(going(Reason.ROLLING_OUT, f"{title} is being rolled out."), TargetState.LOADING)
    if replicas == 0:
        text = "spec.replicas is 0: nothing serves until it is raised."
        return Health(Standing(Position.DONE, Reason.SCALED_TO_ZERO, text), TargetState.LOADED)
    own = tuple(pod for pod in pods if pod.revision == wanted.hash)
    rolled_out = _progressing(deployment).reason == ROLLED_OUT
    # One pod of several may be away, as the disruption budget permits, without the service being less than ready.
    if rolled_out and sum(pod.ready for pod in own) >= max(1, replicas - 1):
        return Health(Standing(Position.DONE, Reason.SERVING, f"{title} answers requests."), TargetState.LOADED)
    keeps = ""
    if active is not None and active.revision != wanted.hash:
        keeps = f" Revision {active.revision} ({active.digest[:19]}) keeps serving."
    problem = _problem(deployment, own, title, keeps, warnings)
    if problem is not None:
        return problem
    state = TargetState.LOADED if rolled_out else TargetState.LOADING
    return Health(going(Reason.ROLLING_OUT, f"{title} is starting.{keeps}"), state)


def _problem(
    deployment: Deployment, own: tuple[Pod, ...], title: str, keeps: str, warnings: Mapping[str, str]
) -> Health | None:
    """Why the pods of the wanted revision are not ready; None while nothing speaks against them."""
    failed = crash(own)
    if failed is not None:
        text = f"{title} does not load: {failed.message}{keeps}"
        return Health(stuck(Reason.LOAD_FAILED, text), TargetState.FAILED, failed)
    trouble = pod_trouble(own, warnings)
    if trouble is not None:
        standing = (going if trouble.passing else stuck)(trouble.reason, f"{trouble.message}{keeps}")
        state = TargetState.LOADING if trouble.passing else TargetState.FAILED
        return Health(standing, state, Ended(trouble.reason, trouble.message, trouble.pod))
    refused = find(deployment.status.conditions, "ReplicaFailure")
    if refused is not None:
        text = f"Its pods are refused: {refused.message}"
        return Health(going(Reason.CHILD_REFUSED, text + keeps), TargetState.LOADING, Ended(Reason.CHILD_REFUSED, text))
    if _progressing(deployment).status == "False":
        text = f"{title} was not ready within {PROGRESS_DEADLINE_SECONDS} s; look at its pods' logs."
        late = Ended(Reason.LOAD_FAILED, text)
        return Health(stuck(Reason.LOAD_FAILED, text + keeps), TargetState.FAILED, late)
    return None


def _progressing(deployment: Deployment) -> SeenCondition:
    found = (one for one in deployment.status.conditions if one.type == "Progressing")
    return next(found, SeenCondition())


def crash(pods: tuple[Pod, ...]) -> Ended | None:
    """Why the first pod, by name, that keeps ending does so; None while none does."""
    for pod in sorted(pods, key=lambda one: one.name):
        if pod.deleting or pod.ready:
            continue
        for container in pod.containers:
            ended = container.state.terminated or container.last_state.terminated
            if not container.ready and ended is not None and ended.exit_code != 0:
                return container_failure(pod, container, ended)
    return None
