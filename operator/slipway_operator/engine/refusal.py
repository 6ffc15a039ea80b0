"""How a refused child shows in the status of its owner."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slipway_operator.api.conditions import ConditionStatus, ConditionType, Reason

_OVERLAY = {
    ConditionType.READY: ConditionStatus.FALSE,
    ConditionType.STALLED: ConditionStatus.TRUE,
    ConditionType.RECONCILING: ConditionStatus.FALSE,
}


def refused(
    status: Mapping[str, Any], observed: Mapping[str, Any], message: str, generation: int, now: datetime
) -> dict[str, Any]:
    """``status`` with Ready, Stalled and Reconciling saying that a child was refused.

    Args:
        status: what the plan wants.
        observed: what stands now; keeps ``lastTransitionTime`` of a condition that does not flip.
        message: what was refused and why.
        generation: of the owner.
        now: the present time.
    """
    before = {one["type"]: one for one in observed.get("conditions") or ()}
    conditions: list[dict[str, Any]] = [one for one in status.get("conditions") or () if one["type"] not in _OVERLAY]
    for kind, value in _OVERLAY.items():
        old = before.get(kind)
        kept = old is not None and old.get("status") == value
        negative = kind is ConditionType.RECONCILING
        conditions.append(
            {
                "type": kind.value,
                "status": value.value,
                "reason": (Reason.AS_EXPECTED if negative else Reason.CHILD_REFUSED).value,
                "message": "" if negative else message[:2048],
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if kept and old else now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
    return {**status, "conditions": conditions}
