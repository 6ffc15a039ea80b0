"""Typed views of what the API server says about children, tolerant of everything that decisions do not read.

What is read, and so must survive any trimming of cached objects:

- every kind: ``metadata.{name,uid,generation,labels,annotations[slipway.dev/*],creationTimestamp,deletionTimestamp}``
- Job: ``status.{conditions[type,status,reason,message],completionTime}``
- Pod: ``status.{phase,reason,message,podIP,conditions[type,status,reason,message],containerStatuses,
  initContainerStatuses}``, and of each container status ``{name,image,ready,restartCount,state,lastState}``
- Deployment: ``spec.template.metadata.labels``, ``spec.template.spec.containers[].{name,image}`` and
  ``status.{observedGeneration,conditions}``
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from slipway_operator.domain.naming import ATTEMPT_LABEL, REVISION_LABEL, RUN_LABEL
from slipway_operator.domain.planning import RawObject

INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


class Seen(BaseModel):
    """Part of an observed object: unknown fields are ignored, absent ones have neutral values."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_alias=True, validate_by_name=True
    )


class Metadata(Seen):
    """The metadata that decisions read."""

    name: str = ""
    uid: str = ""
    generation: int = 0
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class SeenCondition(Seen):
    """A condition of a Kubernetes object."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


def find(conditions: Iterable[SeenCondition], kind: str, status: str = "True") -> SeenCondition | None:
    """The condition of that type, if it has that status."""
    return next((one for one in conditions if one.type == kind and one.status == status), None)


class SeenObject(Seen):
    """What every child has."""

    metadata: Metadata = Metadata()

    @classmethod
    def parse(cls, raw: RawObject) -> Self:
        """A view of the object; one whose body cannot be read has only its identity."""
        try:
            view = cls.model_validate(raw.body)
        except ValidationError:
            view = cls()
        identity = view.metadata.model_copy(update={"name": raw.name, "uid": raw.uid})
        return view.model_copy(update={"metadata": identity})

    @property
    def name(self) -> str:
        """Name of the object."""
        return self.metadata.name

    @property
    def uid(self) -> str:
        """Identity of this very object."""
        return self.metadata.uid

    @property
    def run(self) -> str:
        """The run it belongs to; empty when it belongs to none."""
        return self.metadata.labels.get(RUN_LABEL, "")

    @property
    def attempt(self) -> int:
        """The attempt it belongs to; 0 when it belongs to none."""
        text = self.metadata.labels.get(ATTEMPT_LABEL, "")
        return int(text) if text.isdecimal() else 0

    @property
    def deleting(self) -> bool:
        """Whether its deletion has begun."""
        return self.metadata.deletion_timestamp is not None


class Terminated(Seen):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None


class Waiting(Seen):
    """Why a container does not run."""

    reason: str = ""
    message: str = ""


class ContainerState(Seen):
    """Exactly one of these is set by the kubelet; ``running`` is neither."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Seen):
    """One container of a pod."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Seen):
    """Status of a pod."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    pod_ip: str | None = Field(None, alias="podIP")
    conditions: tuple[SeenCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(SeenObject):
    """A pod."""

    status: PodStatus = PodStatus()

    @property
    def containers(self) -> tuple[ContainerStatus, ...]:
        """All containers, those that run first before the others."""
        return self.status.init_container_statuses + self.status.container_statuses

    @property
    def terminal(self) -> bool:
        """Whether none of its containers runs or will run again."""
        return self.status.phase in {"Succeeded", "Failed"}

    @property
    def ready(self) -> bool:
        """Whether it answers requests now."""
        return not self.deleting and find(self.status.conditions, "Ready") is not None

    @property
    def index(self) -> int:
        """Rank of its node within an Indexed Job; 0 for any other pod."""
        text = self.metadata.labels.get(INDEX_LABEL) or self.metadata.annotations.get(INDEX_LABEL, "")
        return int(text) if text.isdecimal() else 0

    @property
    def revision(self) -> str:
        """The revision it serves; empty when it serves none."""
        return self.metadata.labels.get(REVISION_LABEL, "")


class JobState(Seen):
    """Status of a Job."""

    conditions: tuple[SeenCondition, ...] = ()
    completion_time: datetime | None = None


class Job(SeenObject):
    """A Job."""

    status: JobState = JobState()

    @property
    def succeeded(self) -> bool:
        """Whether all its pods succeeded."""
        return find(self.status.conditions, "Complete") is not None

    @property
    def failed(self) -> bool:
        """Whether it failed and all its pods have ended."""
        return find(self.status.conditions, "Failed") is not None

    @property
    def finished(self) -> bool:
        """Whether it has ended, either way."""
        return self.succeeded or self.failed


class TemplateContainer(Seen):
    """A container as a pod template wants it."""

    name: str = ""
    image: str = ""


class TemplateSpec(Seen):
    """The spec of a pod template."""

    containers: tuple[TemplateContainer, ...] = ()


class Template(Seen):
    """A pod template."""

    metadata: Metadata = Metadata()
    spec: TemplateSpec = TemplateSpec()


class DeploymentSpec(Seen):
    """Spec of a Deployment."""

    template: Template = Template()


class DeploymentStatus(Seen):
    """Status of a Deployment."""

    observed_generation: int = 0
    conditions: tuple[SeenCondition, ...] = ()


class Deployment(SeenObject):
    """A Deployment."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()

    @property
    def revision(self) -> str:
        """The revision that its template serves."""
        return self.spec.template.metadata.labels.get(REVISION_LABEL, "")

    @property
    def image(self) -> str | None:
        """Image of the serving container."""
        return self.spec.template.spec.containers[0].image if self.spec.template.spec.containers else None

    @property
    def current(self) -> bool:
        """Whether its status is about the spec as it is now."""
        return self.status.observed_generation >= self.metadata.generation
