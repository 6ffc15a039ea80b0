"""Shapes that all kinds share: references, conditions, pod overrides, failures."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from slipway_operator.api.conditions import ConditionStatus, ConditionType
from slipway_runtime.spec.base import Name, SpecModel
from slipway_runtime.spec.summary import Digest

GROUP = "slipway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=20)]
Timestamp = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]


class SourceKind(StrEnum):
    """Kinds whose artifact another object can take."""

    TRAINING_JOB = "TrainingJob"
    COMPRESSION_JOB = "CompressionJob"


class Reference(SpecModel):
    """An object of the same namespace whose artifact is wanted."""

    kind: SourceKind = Field(description="TrainingJob or CompressionJob.")
    name: Name = Field(description="Name of the object, in the same namespace.")


ModelUri = Annotated[str, Field(pattern=r"^(s3|https|http|pvc)://.+$", max_length=1024)]


class ModelSource(SpecModel):
    """Where a model comes from: another object's artifact, or a URI. Exactly one."""

    from_: Reference | None = Field(None, alias="from", description="Another object's artifact, always its newest.")
    uri: ModelUri | None = Field(
        None, description="An artifact (<store>/manifests/<sha256>), a package folder, or a ready .onnx file."
    )
    secret_name: Name | None = Field(
        None, description="Secret with the credentials of the URI; the store's when absent."
    )


class DeletionPolicy(StrEnum):
    """What happens to artifacts when their object is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Output(SpecModel):
    """Where artifacts are published."""

    uri: Annotated[str, Field(pattern=r"^s3://.+$", max_length=512)] | None = Field(
        None, description="Root of a store, such as s3://bucket/prefix; the install's own store when absent."
    )
    secret_name: Name | None = Field(
        None, description="Secret with endpoint, region, accessKeyId and secretAccessKey for that store."
    )


class FailurePolicy(SpecModel):
    """How long a run is tried again."""

    max_restarts: int = Field(3, ge=0, le=1000, description="Restarts that are counted; preemptions are free.")
    no_progress_limit: int = Field(
        3, ge=1, le=100, description="Attempts in a row that end at the same step before the run is given up."
    )


class Resources(SpecModel):
    """What a pod may use; requests equal limits for memory, cpu is a request and a limit."""

    cpu: Quantity | None = Field(None, description='Cores, for example "2" or 500m.')
    memory: Quantity | None = Field(None, description="Memory, for example 2Gi.")


class TolerationOperator(StrEnum):
    """How a toleration is compared with a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(SpecModel):
    """A taint that pods accept."""

    key: str | None = Field(None, max_length=253, description="Taint key; every key when absent.")
    operator: TolerationOperator | None = Field(None, description="Exists or Equal; Equal when absent.")
    value: str | None = Field(None, max_length=63, description="Taint value, with Equal.")
    effect: TaintEffect | None = Field(None, description="Effect; every effect when absent.")


class PodTemplate(SpecModel):
    """The few things about pods that a user may set."""

    resources: Resources | None = Field(None, description="What each pod may use.")
    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)] | None = Field(
        None, description="Labels a node must have."
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = Field(
        default=(), description="Taints that pods accept."
    )
    priority_class_name: Name | None = Field(None, description="PriorityClass of the pods.")
    image_pull_secrets: Annotated[tuple[Name, ...], Field(max_length=8)] = Field(
        default=(), description="Names of Secrets that let the node pull private images."
    )


class Condition(SpecModel):
    """One condition, as Kubernetes defines it."""

    type: ConditionType = Field(description="Type of the condition.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(max_length=63, description="One word, for programs.")
    message: str = Field(max_length=2048, description="One sentence, for people: what is, and what to do.")
    observed_generation: int = Field(ge=0, description="Generation of the spec that this is about.")
    last_transition_time: Timestamp = Field(description="When status last changed.")


class Failure(SpecModel):
    """The pod's own account of what went wrong."""

    reason: str = Field(max_length=63, description="One word: OOMKilled, ConfigError, GateRefused, …")
    message: str = Field(max_length=2048, description="What happened and what to do.")
    exit_code: int | None = Field(None, description="Exit code of the container.")
    pod: str | None = Field(None, max_length=253, description="Name of the pod.")
    attempt: int | None = Field(None, ge=1, description="Attempt it ended.")
    time: Timestamp | None = Field(None, description="When it was seen.")


class PastArtifact(SpecModel):
    """An artifact published earlier, newest first in a history."""

    digest: Digest = Field(description="Identity of the artifact.")
    uri: str = Field(max_length=1200, description="Where its manifest is.")
    run: str = Field(max_length=16, description="The run that made it.")
