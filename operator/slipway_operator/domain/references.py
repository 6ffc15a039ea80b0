"""From a reference to the artifact it stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from slipway_operator.api.compressionjob import CompressionJobSpec, CompressionJobStatus
from slipway_operator.api.conditions import ConditionType, Reason
from slipway_operator.api.job import JobSpec, JobStatus
from slipway_operator.api.meta import ModelSource, Reference, SourceKind
from slipway_operator.api.modelservice import Lineage, ServedModel
from slipway_operator.domain.conditions import find, holds
from slipway_operator.domain.parsing import read_status
from slipway_operator.domain.planning import Kind, RawObject
from slipway_runtime.spec.convert import ConvertSpec, wants_conversion
from slipway_runtime.spec.summary import Metrics

LINEAGE_LIMIT = 8

_ARTIFACT_URI = re.compile(r"/manifests/(?P<sha256>[0-9a-f]{64})$")
_WAITING = {
    SourceKind.TRAINING_JOB: Reason.WAITING_FOR_TRAINING_JOB,
    SourceKind.COMPRESSION_JOB: Reason.WAITING_FOR_COMPRESSION_JOB,
}

Sources = Mapping[tuple[str, str], RawObject]


@dataclass(frozen=True)
class Resolved:
    """An artifact that is known by its digest."""

    digest: str
    uri: str
    secret_name: str | None = None
    metrics: Metrics = ()
    lineage: tuple[Lineage, ...] = ()


@dataclass(frozen=True)
class Foreign:
    """A URI that names no digest yet."""

    uri: str
    secret_name: str | None = None
    convert: ConvertSpec | None = None
    """How its file becomes a model; None where it is one as it is."""


@dataclass(frozen=True)
class Unresolved:
    """Nothing to work with yet."""

    reason: Reason
    message: str
    missing: bool = False
    """Whether the object that is referred to does not exist, or no longer does."""

    @property
    def permanent(self) -> bool:
        """Whether somebody must change a spec."""
        return self.reason is Reason.CIRCULAR_REFERENCE


def resolve(source: ModelSource, sources: Sources, asker: tuple[str, str]) -> Resolved | Foreign | Unresolved:
    """The artifact of a source: the newest of the object it names, or the one at its URI."""
    if source.from_ is not None:
        return _referred(source.from_, sources, asker)
    uri = source.uri or ""
    digest = uri_digest(uri)
    if digest is None:
        return Foreign(uri, source.secret_name, _conversion(uri, source))
    return Resolved(digest, uri, source.secret_name)


def _conversion(uri: str, source: ModelSource) -> ConvertSpec | None:
    if not isinstance(source, ServedModel):
        return None
    spec = ConvertSpec(**{name: getattr(source, name) for name in ConvertSpec.model_fields})
    return spec if wants_conversion(uri, spec) else None


def uri_digest(uri: str) -> str | None:
    """The digest that an artifact's URI names; None for any other URI."""
    named = _ARTIFACT_URI.search(uri)
    return f"sha256:{named['sha256']}" if named else None


def _referred(reference: Reference, sources: Sources, asker: tuple[str, str]) -> Resolved | Unresolved:
    circle = _circle(reference, sources, asker)
    if circle:
        return Unresolved(
            Reason.CIRCULAR_REFERENCE,
            f"spec refers to itself: {' → '.join(circle)}. Let one of them start from another model.",
        )
    title = f"{reference.kind} {reference.name}"
    found = sources.get((reference.kind, reference.name))
    waiting = _WAITING[reference.kind]
    if found is None:
        return Unresolved(
            waiting, f"{title} does not exist in this namespace yet; create it or correct the name.", missing=True
        )
    status = read_status(JobStatus, found)
    if status.artifact is None:
        return Unresolved(waiting, f"{title} has published no model yet{_why(status)}.")
    return Resolved(
        digest=status.artifact.digest,
        uri=status.artifact.uri,
        secret_name=_output_secret(found),
        metrics=status.artifact.metrics,
        lineage=_lineage(reference, status.artifact.digest, sources),
    )


def _why(status: JobStatus) -> str:
    ready = find(status.conditions, ConditionType.READY)
    if ready is None:
        return ""
    if holds(status.conditions, ConditionType.FAILED):
        return f": it failed with {ready.reason} ({ready.message})"
    return f" ({ready.reason})"


def _output_secret(found: RawObject) -> str | None:
    try:
        output = JobSpec.model_validate(found.body.get("spec") or {}, extra="ignore").output
    except ValidationError:
        return None
    return output.secret_name if output.uri else None


def parent(found: RawObject) -> Reference | None:
    """The object whose artifact a CompressionJob starts from."""
    try:
        return CompressionJobSpec.model_validate(found.body.get("spec") or {}, extra="ignore").source.from_
    except ValidationError:
        return None


def _circle(reference: Reference, sources: Sources, asker: tuple[str, str]) -> list[str]:
    """The names of a circle of references that starts at the asker; empty when there is none."""
    path = [asker]
    step: Reference | None = reference
    while step is not None:
        here = (str(step.kind), step.name)
        if here in path:
            return [f"{kind} {name}" for kind, name in [*path, here]]
        path.append(here)
        found = sources.get(here)
        step = parent(found) if found is not None and here[0] == Kind.COMPRESSION_JOB else None
    return []


def _lineage(reference: Reference, newest: str, sources: Sources) -> tuple[Lineage, ...]:
    """The newest artifact of a reference and those it was made from, nearest first, as far as statuses prove it."""
    found: list[Lineage] = []
    step: Reference | None = reference
    digest: str | None = newest
    while step is not None and digest is not None and len(found) < LINEAGE_LIMIT:
        found.append(Lineage(kind=step.kind, name=step.name, digest=digest))
        made_by = sources.get((step.kind, step.name))
        status = read_status(CompressionJobStatus, made_by) if made_by is not None else CompressionJobStatus()
        # Only the run that made the artifact knows what it made it from; a later one may have another source.
        made_it = status.artifact is not None and status.artifact.digest == digest and status.artifact_run == status.run
        digest = status.source if made_it else None
        step = parent(made_by) if made_by is not None else None
    return tuple(found)
