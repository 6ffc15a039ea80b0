"""ModelService: a published model, served."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from slipway_operator.api.meta import Condition, Failure, ModelSource, ModelUri, PodTemplate
from slipway_runtime.spec.base import Name, PositiveDecimal, SpecModel
from slipway_runtime.spec.convert import ConvertSpec
from slipway_runtime.spec.summary import Digest, Metrics


class AutoscalingTarget(SpecModel):
    """What each pod should carry. Exactly one."""

    concurrency: int | None = Field(
        None, ge=1, le=100_000, description="Requests in flight for each pod; the operator asks the pods themselves."
    )
    cpu: int | None = Field(
        None, ge=1, le=1000, description="Per cent of the requested cpu, by a HorizontalPodAutoscaler."
    )


class Autoscaling(SpecModel):
    """How the number of pods follows the load."""

    min: int = Field(1, ge=1, le=1000, description="Never fewer pods.")
    max: int = Field(ge=1, le=1000, description="Never more pods.")
    target: AutoscalingTarget = Field(description="What each pod should carry.")
    stabilization_seconds: int = Field(
        300, ge=0, le=3600, description="Pods are taken away only when the load of so long did not need them."
    )


class SecretSource(SpecModel):
    """A Secret of the same namespace."""

    secret_name: Name = Field(description="Name of the Secret.")


class AccessLog(SpecModel):
    """Which requests the log has a line of."""

    sample: PositiveDecimal = Field(description='Share of the requests, evenly spread: "0.01" is every hundredth.')


class ServedModel(ModelSource, ConvertSpec):
    """Where a served model comes from, and how its file becomes one when another library wrote it."""

    uri: ModelUri | None = Field(
        None,
        description="An artifact (<store>/manifests/<sha256>), a package folder, a ready .onnx file, or a file of "
        "another library: .pkl, .joblib, .keras, .h5, .pt2, .pt, .ubj, … Such a library's folder needs format.",
    )


class ModelServiceSpec(SpecModel):
    """Which model to serve, and how."""

    model: ServedModel = Field(description="The model to serve.")
    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description="Pods that serve. Of two or more, one at a time may be evicted (PodDisruptionBudget). With "
        "autoscaling by cpu the HorizontalPodAutoscaler sets it; by concurrency it does not count.",
    )
    autoscaling: Autoscaling | None = Field(None, description="How the number of pods follows the load.")
    tls: SecretSource | None = Field(
        None,
        description="Serve TLS, on both protocols, with the certificate of a Secret of type kubernetes.io/tls, as "
        "cert-manager writes it. A renewed certificate is taken up without a restart.",
    )
    api_keys: SecretSource | None = Field(
        None,
        description="Ask every request for one of the keys that a Secret's entries hold, as Authorization: Bearer KEY "
        "or x-api-key: KEY. Changed keys count within two minutes, without a restart.",
    )
    admin: bool = Field(default=False, description="Let requests load and unload models.")
    access_log: AccessLog | None = Field(None, description="Lines of the log about requests; none when absent.")
    pod_template: PodTemplate = Field(default=PodTemplate(), description="The few things about pods that you may set.")


class TargetState(StrEnum):
    """Where the wanted revision stands."""

    PENDING = "Pending"
    IMPORTING = "Importing"
    LOADING = "Loading"
    LOADED = "Loaded"
    FAILED = "Failed"


class ActiveRevision(SpecModel):
    """What answers requests now."""

    digest: Digest = Field(description="Artifact that is served.")
    uri: str = Field(max_length=1200, description="Where its manifest is.")
    revision: str = Field(max_length=63, description="Hash of artifact and serving configuration.")
    metrics: Metrics = Field(default=(), description="Held-out metrics of the artifact.")


class TargetRevision(SpecModel):
    """What should answer requests."""

    digest: Digest | None = Field(None, description="Artifact that is wanted; unknown until the source has one.")
    uri: str | None = Field(None, max_length=1200, description="Where its manifest is.")
    revision: str | None = Field(None, max_length=63, description="Hash of artifact and serving configuration.")
    secret_name: Name | None = Field(None, description="Secret that reads the artifact; the store's when absent.")
    state: TargetState = Field(description="Pending, Importing, Loading, Loaded or Failed.")
    metrics: Metrics = Field(default=(), description="Held-out metrics of the artifact.")
    last_failure: Failure | None = Field(None, description="Why it does not load, in the pod's own words.")


class Replicas(SpecModel):
    """Pods that serve."""

    desired: int = Field(0, ge=0, description="Wanted.")
    ready: int = Field(0, ge=0, description="Ready.")
    updated: int = Field(0, ge=0, description="Of the wanted revision.")


class Lineage(SpecModel):
    """One ancestor of the served artifact."""

    kind: str = Field(max_length=63, description="Kind of the object that made it.")
    name: str = Field(max_length=63, description="Name of that object.")
    digest: Digest = Field(description="Its artifact.")


class ModelServiceStatus(SpecModel):
    """What is observed of a ModelService."""

    observed_generation: int = Field(0, ge=0, description="Generation of the spec that this status is about.")
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = Field(default=(), description="Conditions.")
    url: str | None = Field(None, max_length=512, description="Address inside the cluster.")
    grpc_url: str | None = Field(None, max_length=512, description="Address of gRPC inside the cluster.")
    selector: str | None = Field(None, max_length=512, description="Label selector of the pods, for scaling.")
    replicas: Replicas = Field(default=Replicas(), description="Pods that serve.")
    active: ActiveRevision | None = Field(None, description="What answers requests now.")
    target: TargetRevision | None = Field(None, description="What should answer requests.")
    lineage: Annotated[tuple[Lineage, ...], Field(max_length=8)] = Field(
        default=(), description="Artifacts the target was made from, nearest first."
    )
    imported: "Imported | None" = Field(None, description="What a URI that names no digest was imported as.")
    attempt: int = Field(0, ge=0, description="Attempt of that import.")


class Imported(SpecModel):
    """Artifact made from a URI that is not an artifact itself."""

    run: str = Field(max_length=16, description="Identity of the import.")
    uri: str = Field(max_length=1200, description="Where its manifest is.")
    digest: Digest = Field(description="Its digest.")


ModelServiceStatus.model_rebuild()
