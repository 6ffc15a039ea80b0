"""The Job of one attempt: training over one or many pods, compression, or the import of a foreign model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway_operator.api.compressionjob import CompressionJobSpec
from slipway_operator.api.job import JobSpec
from slipway_operator.api.meta import PodTemplate
from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_operator.domain import naming
from slipway_operator.domain.planning import RawObject, Settings, Snapshot
from slipway_operator.domain.render import pods
from slipway_operator.domain.render.objects import Manifest, owned
from slipway_runtime.spec.compress import CompressSpec
from slipway_runtime.spec.convert import ConvertSpec
from slipway_runtime.spec.progress import PROGRESS_PORT
from slipway_runtime.spec.train import TrainSpec

MASTER_PORT = 29500
GRACE_SECONDS = 60
"""Time for a last checkpoint between SIGTERM and SIGKILL."""

TRAIN_DEFAULT = pods.Amounts(cpu_request="500m", cpu_limit="2", memory="2Gi")
COMPRESS_DEFAULT = pods.Amounts(cpu_request="500m", cpu_limit="2", memory="2Gi")
CONVERT_DEFAULT = pods.Amounts(cpu_request="500m", cpu_limit="2", memory="4Gi")
"""Converting 0.2 MB takes 0.7 GiB with TensorFlow and 0.8 with torch; then source and graph are in memory together."""
IMPORT_DEFAULT = pods.Amounts(cpu_request="100m", cpu_limit="1", memory="512Mi")


@dataclass(frozen=True)
class Work:
    """What differs between the Jobs of the kinds."""

    container: str
    image: str
    command: tuple[str, ...]
    environment: list[Manifest]
    needs: pods.Needs
    template: PodTemplate
    default: pods.Amounts
    store_secret: str
    nodes: int = 1
    gpus: int = 0
    shared_memory: bool = False
    subdomain: str | None = None
    pull_policy: str = "IfNotPresent"
    store_optional: bool = True
    progress: bool = True


def attempt_job(snapshot: Snapshot, run: str, attempt: int, work: Work) -> Manifest:
    """The Job of an attempt: each pod runs once, and what follows a failure is the operator's decision."""
    key = snapshot.key
    labels = naming.labels(key, run, attempt)
    body: Manifest = {
        "spec": {
            "completionMode": "Indexed",
            "completions": work.nodes,
            "parallelism": work.nodes,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": labels}, "spec": _pod(work)},
        }
    }
    return owned("Job", naming.attempt_name(key, run, attempt), snapshot.owner, labels, body)


def _pod(work: Work) -> Manifest:
    space = pods.scratch(shared_memory=work.shared_memory)
    files = pods.credentials(work.store_secret, work.needs, store_optional=work.store_optional)
    used = pods.amounts(work.template, work.default)
    container: Manifest = {
        "name": work.container,
        "image": work.image,
        "imagePullPolicy": work.pull_policy,
        "command": list(work.command),
        "env": [
            *pods.variables(
                {
                    "HOME": pods.HOME,
                    "TMPDIR": "/tmp",  # noqa: S108 - a volume of the pod's own
                    "PYTHONUNBUFFERED": "1",
                    "SLIPWAY_SECRETS": pods.SECRETS,
                    "SLIPWAY_PVC": pods.CLAIMS,
                    "SLIPWAY_STORE": pods.STORE,
                    "SLIPWAY_CPUS": pods.cores(used.cpu_limit),
                }
            ),
            *work.environment,
        ],
        "resources": pods.resources(used, work.gpus),
        "securityContext": pods.container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*space.mounts, *files.mounts],
    }
    if work.progress:
        container["ports"] = [{"name": "progress", "containerPort": PROGRESS_PORT}]
    more: Manifest = {"restartPolicy": "Never"}
    if work.subdomain:
        more["subdomain"] = work.subdomain
    return pods.pod_spec(
        work.template,
        containers=[container],
        volumes=[*space.volumes, *files.volumes],
        grace_seconds=GRACE_SECONDS,
        gpus=work.gpus,
        **more,
    )


def training_job(snapshot: Snapshot, settings: Settings, spec: TrainingJobSpec, run: str, attempt: int) -> Manifest:
    """The Job of a training attempt: one pod a node, each with our launcher as its first process."""
    runtime_spec = spec.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(TrainSpec.model_fields))
    environment = [
        *_run_environment(snapshot, spec, run, attempt, runtime_spec),
        *_rank_environment(snapshot, spec, run, attempt),
    ]
    work = Work(
        container="train",
        image=spec.program.image if spec.program else settings.train_image,
        command=("slipway-launch",) if spec.program else ("slipway-train",),
        environment=environment,
        needs=pods.needs(runtime_spec),
        template=spec.pod_template,
        default=TRAIN_DEFAULT,
        nodes=spec.nodes,
        gpus=spec.gpus,
        shared_memory=True,
        subdomain=naming.run_service_name(snapshot.key, run) if spec.nodes > 1 else None,
        pull_policy=settings.image_pull_policy,
        store_secret=store_secret(spec, settings),
        store_optional=spec.output.secret_name is None,
    )
    return attempt_job(snapshot, run, attempt, work)


def compression_job(
    snapshot: Snapshot,
    settings: Settings,
    spec: CompressionJobSpec,
    run: str,
    attempt: int,
    *,
    source_uri: str,
    source_secret: str | None,
) -> Manifest:
    """The Job of a compression attempt."""
    runtime_spec = spec.model_dump(
        mode="json", by_alias=True, exclude_none=True, include=set(CompressSpec.model_fields)
    )
    if source_secret is None and spec.output.secret_name is not None:
        # The output's own Secret takes the store's place, so the source's credentials are mounted beside it.
        source_secret = settings.store_secret
    work = Work(
        container="compress",
        image=settings.train_image,
        command=("slipway-compress",),
        environment=[
            *_run_environment(snapshot, spec, run, attempt, runtime_spec),
            *pods.variables({"SLIPWAY_SOURCE": source_uri, "SLIPWAY_SOURCE_SECRET": source_secret}),
        ],
        needs=pods.needs(runtime_spec, {"uri": source_uri}, {"secretName": source_secret}),
        template=spec.pod_template,
        default=COMPRESS_DEFAULT,
        pull_policy=settings.image_pull_policy,
        store_secret=store_secret(spec, settings),
        store_optional=spec.output.secret_name is None,
    )
    return attempt_job(snapshot, run, attempt, work)


def import_job(
    snapshot: Snapshot,
    settings: Settings,
    template: PodTemplate,
    run: str,
    attempt: int,
    *,
    uri: str,
    secret_name: str | None,
    convert: ConvertSpec | None = None,
) -> Manifest:
    """The Job that brings a model from anywhere into the store, from where it is served by digest.

    A file that must be converted gets the image that has the converters, and no other pod opens it.
    """
    settings_json = convert.model_dump(mode="json", by_alias=True, exclude_none=True) if convert is not None else None
    work = Work(
        container="import",
        image=settings.serve_image if convert is None else settings.convert_image,
        command=("slipway-import",) if convert is None else ("slipway-convert",),
        environment=pods.variables(
            {
                **_identity(snapshot.owner, snapshot.key.kind.lower(), run, attempt),
                "SLIPWAY_OUTPUT": snapshot.store.uri,
                "SLIPWAY_SOURCE": uri,
                "SLIPWAY_SOURCE_SECRET": secret_name,
                "SLIPWAY_SPEC": json.dumps(settings_json, sort_keys=True) if settings_json is not None else None,
            }
        ),
        needs=pods.needs({"uri": uri, "secretName": secret_name}, settings_json),
        # Resources are meant for the serving pods; where and how pods are scheduled holds for both.
        template=template.model_copy(update={"resources": None}),
        default=IMPORT_DEFAULT if convert is None else CONVERT_DEFAULT,
        pull_policy=settings.image_pull_policy,
        store_secret=settings.store_secret,
        progress=False,
    )
    return attempt_job(snapshot, run, attempt, work)


def headless_service(snapshot: Snapshot, run: str) -> Manifest:
    """The Service that gives each rank a name before it is ready, because ranks meet before they are ready."""
    key = snapshot.key
    body: Manifest = {
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {**naming.selector(key), naming.RUN_LABEL: run},
            "ports": [{"name": "rendezvous", "port": MASTER_PORT, "protocol": "TCP"}],
        }
    }
    return owned("Service", naming.run_service_name(key, run), snapshot.owner, naming.labels(key, run), body)


def store_secret(spec: JobSpec, settings: Settings) -> str:
    """The Secret whose credentials a job writes its artifact with."""
    return spec.output.secret_name or settings.store_secret


def output_uri(spec: JobSpec, snapshot: Snapshot) -> str:
    """Root of the store that a job writes to."""
    return spec.output.uri or snapshot.store.uri


def _identity(owner: RawObject, kind: str, run: str, attempt: int) -> dict[str, str]:
    return {
        "SLIPWAY_RUN": f"{owner.namespace}/{kind}/{owner.name}/{run}",
        "SLIPWAY_ATTEMPT": str(attempt),
        "SLIPWAY_UID": owner.uid,
    }


def _run_environment(
    snapshot: Snapshot, spec: JobSpec, run: str, attempt: int, runtime_spec: Mapping[str, Any]
) -> list[Manifest]:
    retention = {"history": spec.history, "deletionPolicy": spec.deletion_policy.value}
    return pods.variables(
        {
            **_identity(snapshot.owner, snapshot.key.kind.lower(), run, attempt),
            "SLIPWAY_OUTPUT": output_uri(spec, snapshot),
            "SLIPWAY_RETENTION": json.dumps(retention, sort_keys=True),
            "SLIPWAY_SPEC": json.dumps(runtime_spec, sort_keys=True),
        }
    )


def _rank_environment(snapshot: Snapshot, spec: TrainingJobSpec, run: str, attempt: int) -> list[Manifest]:
    """Variables by which processes find each other: ours, torch's ``PET_*`` and the plain ``MASTER_*`` ones.

    ``WORLD_SIZE`` and ``RANK`` are set for programs that read nothing else; the launcher sets both for each process.
    """
    processes = spec.processes_per_node or max(spec.gpus, 1)
    address = "127.0.0.1"
    if spec.nodes > 1:
        job, service = naming.attempt_name(snapshot.key, run, attempt), naming.run_service_name(snapshot.key, run)
        address = f"{job}-0.{service}"
    index = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
    return [
        *pods.variables(
            {
                "SLIPWAY_NODES": str(spec.nodes),
                "SLIPWAY_PROCESSES_PER_NODE": str(spec.processes_per_node or "auto"),
                "SLIPWAY_GPUS": str(spec.gpus),
                "MASTER_ADDR": address,
                "MASTER_PORT": str(MASTER_PORT),
                "WORLD_SIZE": str(spec.nodes * processes),
                "PET_NNODES": str(spec.nodes),
                "PET_NPROC_PER_NODE": str(processes),
                "PET_MASTER_ADDR": address,
                "PET_MASTER_PORT": str(MASTER_PORT),
                # Without GPUs no device may be seen, whatever the node has and the image asks for.
                "CUDA_VISIBLE_DEVICES": None if spec.gpus else "",
                "NVIDIA_VISIBLE_DEVICES": None if spec.gpus else "void",
                "NVIDIA_DRIVER_CAPABILITIES": "compute,utility" if spec.gpus else None,
            }
        ),
        *({"name": name, "valueFrom": index} for name in ("SLIPWAY_NODE_RANK", "PET_NODE_RANK", "RANK")),
    ]
