"""The three CustomResourceDefinitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slipway_operator.api.compressionjob import CompressionJobSpec, CompressionJobStatus
from slipway_operator.api.conditions import ConditionType
from slipway_operator.api.generate.rules import OBJECT_RULES
from slipway_operator.api.generate.schema import spec_schema, status_schema
from slipway_operator.api.meta import GROUP, VERSION
from slipway_operator.api.modelservice import ModelServiceSpec, ModelServiceStatus
from slipway_operator.api.trainingjob import TrainingJobSpec, TrainingJobStatus


@dataclass(frozen=True)
class Column:
    """A column of ``kubectl get``."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def to_manifest(self) -> dict[str, Any]:
        """The column as an item of ``additionalPrinterColumns``."""
        column = {"name": self.name, "type": self.type, "description": self.description, "jsonPath": self.path}
        return {**column, "priority": self.priority} if self.priority else column


@dataclass(frozen=True)
class KindDefinition:
    """What the CRD of one kind is made from."""

    kind: str
    plural: str
    short_name: str
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[Column, ...]
    scale: Mapping[str, str] | None = None

    @property
    def crd_name(self) -> str:
        """Name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


def _of_condition(kind: ConditionType, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_READY = Column("Ready", _of_condition(ConditionType.READY, "status"), "Whether the object is what its spec says.")
_REASON = Column("Reason", _of_condition(ConditionType.READY, "reason"), "Why it is ready or not.")
_AGE = Column("Age", ".metadata.creationTimestamp", "Time since it was created.", type="date")
_MESSAGE = Column("Message", _of_condition(ConditionType.READY, "message"), "What is, and what to do.", priority=1)

KINDS: tuple[KindDefinition, ...] = (
    KindDefinition(
        kind="TrainingJob",
        plural="trainingjobs",
        short_name="trj",
        description="From data to a published model: trains a recipe or your program; publishes what passes its gate.",
        spec=TrainingJobSpec,
        status=TrainingJobStatus,
        columns=(
            _READY,
            _REASON,
            Column("Progress", ".status.progress.percent", "Finished share of the active attempt.", type="integer"),
            Column(
                "Accuracy",
                '.status.artifact.metrics[?(@.name=="accuracy")].value',
                "Held-out accuracy of the newest artifact.",
            ),
            Column("Attempt", ".status.attempt", "Attempt of the active run.", type="integer"),
            _AGE,
            _MESSAGE,
        ),
    ),
    KindDefinition(
        kind="CompressionJob",
        plural="compressionjobs",
        short_name="cpj",
        description="From a published model to a smaller, faster one that is still good: measured, then published.",
        spec=CompressionJobSpec,
        status=CompressionJobStatus,
        columns=(
            _READY,
            _REASON,
            Column("Size-Ratio", ".status.report.sizeRatio", "Bytes before divided by bytes after."),
            Column("Speedup", ".status.report.speedup", "Latency before divided by latency after."),
            _AGE,
            _MESSAGE,
        ),
    ),
    KindDefinition(
        kind="ModelService",
        plural="modelservices",
        short_name="msv",
        description="A published model, served over HTTP by the Open Inference Protocol.",
        spec=ModelServiceSpec,
        status=ModelServiceStatus,
        columns=(
            _READY,
            _REASON,
            Column("URL", ".status.url", "Address inside the cluster."),
            Column("Replicas", ".status.replicas.ready", "Pods that are ready.", type="integer"),
            Column("Revision", ".status.active.revision", "What answers requests now."),
            _AGE,
            _MESSAGE,
        ),
        scale={
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas.desired",
            "labelSelectorPath": ".status.selector",
        },
    ),
)


def crd(definition: KindDefinition) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, as a manifest.

    Raises:
        SchemaProblem: a model has no structural form.
    """
    schema = {
        "type": "object",
        "description": definition.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{definition.kind}."},
            "metadata": {"type": "object"},
            "spec": spec_schema(definition.spec),
            "status": status_schema(definition.status),
        },
        "x-kubernetes-validations": [rule.to_schema() for rule in OBJECT_RULES],
    }
    subresources: dict[str, Any] = {"status": {}}
    if definition.scale:
        subresources["scale"] = dict(definition.scale)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.crd_name, "labels": {"app.kubernetes.io/part-of": "slipway"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": ["slipway"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [column.to_manifest() for column in definition.columns],
                    "subresources": subresources,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
