"""Decisions about a ModelService."""

from datetime import datetime
from typing import Any

from slipway_operator.api.modelservice import (
    ActiveRevision,
    AutoscalingTarget,
    Lineage,
    ModelServiceSpec,
    ModelServiceStatus,
    Replicas,
    TargetRevision,
    TargetState,
)
from slipway_operator.domain import naming
from slipway_operator.domain.autoscaling import LoadSample, clamped, wanted_replicas
from slipway_operator.domain.conditions import SERVICE_TYPES, Standing, conditions, going, stuck
from slipway_operator.domain.failure import as_failure
from slipway_operator.domain.importing import Import, Importing, old_imports
from slipway_operator.domain.notes import notes
from slipway_operator.domain.observed import Deployment, Pod, SeenObject
from slipway_operator.domain.outline import seen
from slipway_operator.domain.parsing import generation, read_spec, read_status
from slipway_operator.domain.planning import Deletion, EventNote, Plan, Settings, Snapshot
from slipway_operator.domain.references import Foreign, Resolved, Unresolved, resolve
from slipway_operator.domain.render.autoscaler import autoscaler
from slipway_operator.domain.render.network_policy import network_policy
from slipway_operator.domain.render.serving import GRPC_PORT, Options, Revision, deployment, metrics_url, surroundings
from slipway_operator.domain.serving import active_revision, health
from slipway_operator.domain.standings import waiting_for_store


def decide_service(snapshot: Snapshot, settings: Settings, now: datetime) -> Plan:
    """What a ModelService needs now.

    Raises:
        SpecInvalid: Its spec does not parse.
    """
    spec = read_spec(ModelServiceSpec, snapshot.owner)
    status = read_status(ModelServiceStatus, snapshot.owner)
    return _Service(snapshot, settings, spec, status, now).plan()


class _Service:
    """One ModelService as it stands."""

    def __init__(
        self,
        snapshot: Snapshot,
        settings: Settings,
        spec: ModelServiceSpec,
        status: ModelServiceStatus,
        now: datetime,
    ) -> None:
        self.snapshot, self.settings, self.spec, self.status, self.now = snapshot, settings, spec, status, now
        self.pods = tuple(pod for pod in seen(snapshot, "Pod", Pod) if pod.revision)
        self.deployment = next(
            (one for one in seen(snapshot, "Deployment", Deployment) if one.name == snapshot.key.name), None
        )
        key = snapshot.key
        self.asked = resolve(spec.model, snapshot.sources, (key.kind, key.name))
        target = spec.autoscaling.target if spec.autoscaling is not None else AutoscalingTarget()
        self.cpu, self.concurrency = target.cpu, target.concurrency
        self.replicas = _replicas(spec, status, snapshot.load)

    def plan(self) -> Plan:
        source = self.asked
        if isinstance(source, Foreign):
            found = Import(self.snapshot, self.settings, self.spec, self.status, source, self.now).result()
            if isinstance(found, Importing):
                return self._import(found)
            self.status = self.status.model_copy(update={"imported": found[0]})
            source = found[1]
        if isinstance(source, Unresolved):
            kept = None if source.permanent else self._kept()
            if kept is None:
                standing = (stuck if source.permanent else going)(source.reason, source.message)
                return self._wait(standing, TargetRevision(state=TargetState.PENDING))
            source = kept
        return self._serve(source)

    def _kept(self) -> Resolved | None:
        """The artifact on record while the object it came from is gone, as long as the spec still names that object."""
        reference, target, lineage = self.spec.model.from_, self.status.target, self.status.lineage
        if reference is None or target is None or target.digest is None or target.uri is None or not lineage:
            return None
        if (lineage[0].kind, lineage[0].name, lineage[0].digest) != (reference.kind, reference.name, target.digest):
            return None
        return Resolved(target.digest, target.uri, target.secret_name, target.metrics, lineage)

    def _import(self, found: Importing) -> Plan:
        target = TargetRevision(state=found.state, last_failure=found.failure)
        self.status = self.status.model_copy(update={"attempt": found.attempt})
        return self._wait(
            found.standing,
            target,
            apply=found.apply,
            requeue_after=found.requeue_after,
            wants_store=found.wants_store,
        )

    def _wait(
        self,
        standing: Standing,
        target: TargetRevision,
        *,
        apply: tuple[dict[str, Any], ...] = (),
        requeue_after: float | None = None,
        wants_store: bool = False,
    ) -> Plan:
        """The wanted artifact is not there yet: what serves goes on serving, in the number that is wanted."""
        active = active_revision(self.pods, self.status, None, ())
        if active is not None:
            text = f"{standing.message} Revision {active.revision} ({active.digest[:19]}) keeps serving."
            standing = Standing(standing.position, standing.reason, text)
        keep = self._scaled(active) if active is not None else ()
        return self._write(
            standing,
            target,
            active,
            apply=(*self._company(), *keep, *apply),
            requeue_after=requeue_after,
            wants_store=wants_store,
        )

    def _scaled(self, active: ActiveRevision) -> tuple[dict[str, Any], ...]:
        """The Deployment of what serves with the wanted number of pods; nothing when it cannot be told exactly."""
        before = self.status.target
        secret = before.secret_name if before is not None else None
        revision = self._revision(active.digest, active.uri, secret)
        if self.deployment is None or self.deployment.revision != revision.hash:
            return ()
        return (self._deployment(revision),)

    def _serve(self, artifact: Resolved) -> Plan:
        """The wanted artifact is known: roll it out and say how it does."""
        revision = self._revision(artifact.digest, artifact.uri, artifact.secret_name)
        deployed = self.deployment is not None and self.deployment.revision == revision.hash
        before = self.status.target
        target = TargetRevision(
            digest=artifact.digest,
            uri=artifact.uri,
            revision=revision.hash,
            secret_name=artifact.secret_name,
            state=TargetState.PENDING,
            metrics=artifact.metrics,
        )
        self.status = self.status.model_copy(update={"lineage": self._lineage(artifact)})
        if not deployed and artifact.secret_name is None and not self.snapshot.store.ready:
            return self._wait(waiting_for_store(self.snapshot), target, wants_store=True)
        active = active_revision(self.pods, self.status, revision, artifact.metrics)
        found = health(
            self.deployment,
            self.pods,
            revision,
            replicas=self.replicas,
            active=active,
            warnings=self.snapshot.warnings,
        )
        told = before.last_failure if before is not None and before.revision == revision.hash else None
        failure = as_failure(found.failure, told, self.now) if found.failure is not None else None
        target = target.model_copy(update={"state": found.state, "last_failure": failure})
        return self._write(found.standing, target, active, apply=(*self._company(revision), self._deployment(revision)))

    def _revision(self, digest: str, uri: str, secret_name: str | None) -> Revision:
        spec = self.spec
        options = Options(
            tls=spec.tls.secret_name if spec.tls is not None else None,
            api_keys=spec.api_keys.secret_name if spec.api_keys is not None else None,
            admin=spec.admin,
            access_log=spec.access_log.sample if spec.access_log is not None else None,
        )
        return Revision(digest, uri, secret_name, spec.pod_template, self.snapshot.key.name, options)

    def _lineage(self, artifact: Resolved) -> tuple[Lineage, ...]:
        """The artifact's ancestors; what was known of them outlives the objects that told it."""
        known = self.status.lineage
        if known and artifact.lineage and known[0] == artifact.lineage[0] and len(known) > len(artifact.lineage):
            return known
        return artifact.lineage

    def _deployment(self, revision: Revision) -> dict[str, Any]:
        """The Deployment; while its revision stays, so does the image, whatever the install's image is by now."""
        image = self.settings.serve_image
        if self.deployment is not None and self.deployment.revision == revision.hash and self.deployment.image:
            image = self.deployment.image
        return deployment(self.snapshot, self.settings, revision, image=image, replicas=self.replicas)

    def _company(self, revision: Revision | None = None) -> tuple[dict[str, Any], ...]:
        around = surroundings(self.snapshot, self.replicas, tls=self.spec.tls is not None)
        if self.spec.autoscaling is not None and self.cpu is not None:
            around = (*around, autoscaler(self.snapshot, self.spec.autoscaling, self.cpu))
        if not self.settings.network_policies:
            return around
        named = self.spec.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        artifact = {"uri": revision.uri, "secretName": revision.secret_name} if revision is not None else {}
        return (*around, network_policy(self.snapshot, self.settings, named, artifact))

    def _write(
        self,
        standing: Standing,
        target: TargetRevision,
        active: ActiveRevision | None,
        *,
        apply: tuple[dict[str, Any], ...],
        requeue_after: float | None = None,
        wants_store: bool = False,
    ) -> Plan:
        key, about = self.snapshot.key, generation(self.snapshot.owner)
        tls = "s" if self.spec.tls is not None else ""
        old = self.status.conditions
        new = conditions(old, standing, SERVICE_TYPES, about, self.now)
        up = [pod for pod in self.pods if not pod.terminal and not pod.deleting]
        replicas = Replicas(
            desired=self.replicas,
            ready=sum(pod.ready for pod in up),
            updated=sum(pod.revision == target.revision for pod in up),
        )
        status = self.status.model_copy(
            update={
                "observed_generation": about,
                "conditions": new,
                "url": f"http{tls}://{key.name}.{key.namespace}.svc",
                "grpc_url": f"grpc{tls}://{key.name}.{key.namespace}.svc:{GRPC_PORT}",
                "selector": ",".join(f"{name}={value}" for name, value in naming.selector(key).items()),
                "replicas": replicas,
                "active": active,
                "target": target,
            }
        )
        written = read_status(ModelServiceStatus, self.snapshot.owner)
        return Plan(
            apply=apply,
            delete=self._unwanted(written),
            status=status.model_dump(mode="json", by_alias=True, exclude_none=True),
            events=(*notes(old, new), *self._scaled_note(written)),
            load_of=self._load_of(up),
            requeue_after=requeue_after,
            wants_store=wants_store,
        )

    def _unwanted(self, written: ModelServiceStatus) -> tuple[Deletion, ...]:
        jobs = old_imports(self.snapshot, written, self.asked)
        found = [Deletion("Job", job.name, job.uid) for job in jobs]
        if self.cpu is None:
            kind = "HorizontalPodAutoscaler"
            found += [
                Deletion(kind, one.name, one.uid) for one in seen(self.snapshot, kind, SeenObject) if not one.deleting
            ]
        return tuple(found)

    def _load_of(self, up: list[Pod]) -> tuple[str, ...]:
        """Where the pods tell their load, when it decides how many there should be."""
        if self.concurrency is None:
            return ()
        scheme = "https" if self.spec.tls is not None else "http"
        return tuple(sorted(metrics_url(scheme, pod.status.pod_ip) for pod in up if pod.ready and pod.status.pod_ip))

    def _scaled_note(self, written: ModelServiceStatus) -> tuple[EventNote, ...]:
        before = written.replicas.desired
        if self.concurrency is None or before in (0, self.replicas):
            return ()
        load = f"{self.snapshot.load[0].concurrency:.1f}" if self.snapshot.load else "an unknown number of"
        text = (
            f"From {before} to {self.replicas} pods: {load} requests in flight, "
            f"{self.concurrency} are wanted for each pod."
        )
        return (EventNote("Normal", "Scaled", text),)


def _replicas(spec: ModelServiceSpec, status: ModelServiceStatus, load: tuple[LoadSample, ...]) -> int:
    """How many pods there should be."""
    scaling = spec.autoscaling
    if scaling is None:
        return spec.replicas
    if scaling.target.concurrency is None:
        return clamped(spec.replicas, scaling.min, scaling.max)
    return wanted_replicas(
        load,
        current=status.replicas.desired,
        target=scaling.target.concurrency,
        least=scaling.min,
        most=scaling.max,
        stabilization=scaling.stabilization_seconds,
    )
