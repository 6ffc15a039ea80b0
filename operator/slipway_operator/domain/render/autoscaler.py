"""The HorizontalPodAutoscaler of a ModelService that follows its cpu."""

from slipway_operator.api.meta import API_VERSION
from slipway_operator.api.modelservice import Autoscaling
from slipway_operator.domain import naming
from slipway_operator.domain.planning import Snapshot
from slipway_operator.domain.render.objects import Manifest, owned


def autoscaler(snapshot: Snapshot, scaling: Autoscaling, cpu: int) -> Manifest:
    """Keeps the pods at ``cpu`` per cent of what they request.

    It scales the ModelService itself, not its Deployment: so one writer has the Deployment, and whoever else scales,
    such as KEDA or ``kubectl scale``, finds the same handle.
    """
    key = snapshot.key
    utilization = {"type": "Utilization", "averageUtilization": cpu}
    body: Manifest = {
        "spec": {
            "scaleTargetRef": {"apiVersion": API_VERSION, "kind": str(key.kind), "name": key.name},
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": scaling.stabilization_seconds}},
        }
    }
    return owned("HorizontalPodAutoscaler", key.name, snapshot.owner, naming.labels(key), body)
