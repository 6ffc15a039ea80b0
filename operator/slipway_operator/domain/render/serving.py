"""Children of a ModelService: Deployment, Service, disruption budget and an account without rights.

Everything in the pod template follows from the revision and the image alone. A change of this module's template
would restart every served model when the operator is upgraded; a golden test guards it.
"""

from dataclasses import asdict, dataclass
from typing import Any

from slipway_operator.api.meta import PodTemplate
from slipway_operator.domain import naming
from slipway_operator.domain.identity import revision_hash
from slipway_operator.domain.planning import Settings, Snapshot
from slipway_operator.domain.render import pods
from slipway_operator.domain.render.objects import Manifest, owned

HTTP_PORT = 8080
GRPC_PORT = 8081
SERVICE_PORT = 80
TLS_SERVICE_PORT = 443
GRACE_SECONDS = 60
"""More than the 5 s in which a stopping server still takes requests, the 22 s until each gRPC connection is over, and
the 20 s that it gives those in flight."""
PROGRESS_DEADLINE_SECONDS = 600

SERVE_DEFAULT = pods.Amounts(cpu_request="100m", cpu_limit="1", memory="512Mi")


_TLS = "/var/run/slipway/tls"
_API_KEYS = "/var/run/slipway/api-keys"


@dataclass(frozen=True)
class Options:
    """What a serving process is told besides its model."""

    tls: str | None = None
    """Secret with the certificate; plain text without one."""
    api_keys: str | None = None
    """Secret with keys of which a request needs one."""
    admin: bool = False
    """Whether requests may load and unload models."""
    access_log: str | None = None
    """Share of the requests of which the log has a line."""


@dataclass(frozen=True)
class Revision:
    """An artifact together with how it is served."""

    digest: str
    uri: str
    secret_name: str | None
    """Credentials of the artifact; the store's own when None."""
    template: PodTemplate
    model: str
    """Name under which it is served."""
    options: Options = Options()

    @property
    def hash(self) -> str:
        """Identity of the revision; it decides roll-outs."""
        serving: dict[str, Any] = {
            "model": self.model,
            "podTemplate": self.template.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        }
        if self.secret_name is not None:
            serving["secretName"] = self.secret_name
        if self.options != Options():
            serving["options"] = asdict(self.options)
        return revision_hash({"digest": self.digest, "uri": self.uri}, serving)


def deployment(snapshot: Snapshot, settings: Settings, revision: Revision, *, image: str, replicas: int) -> Manifest:
    """The Deployment of a revision; pods are replaced only after a new one answers."""
    key = snapshot.key
    body: Manifest = {
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "selector": {"matchLabels": naming.selector(key)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {
                    "labels": {**naming.labels(key), naming.REVISION_LABEL: revision.hash},
                    "annotations": {
                        naming.DIGEST_ANNOTATION: revision.digest,
                        naming.ARTIFACT_ANNOTATION: revision.uri,
                    },
                },
                "spec": _pod(key.name, settings, revision, image),
            },
        }
    }
    return owned("Deployment", key.name, snapshot.owner, naming.labels(key), body)


def _pod(name: str, settings: Settings, revision: Revision, image: str) -> Manifest:
    folder = f"{pods.MODELS}/{revision.model}"
    space = pods.scratch(shared_memory=False)
    # Whoever reads the artifact reads nothing else, so the Secret of its own takes the place of the store's.
    secret = revision.secret_name or settings.store_secret
    wanted = pods.needs({"uri": revision.uri})
    files = pods.credentials(secret, wanted, store_optional=revision.secret_name is None)
    model = {"name": "model", "mountPath": pods.MODELS}
    used = pods.amounts(revision.template, SERVE_DEFAULT)
    common: Manifest = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": pods.resources(used),
        "securityContext": pods.container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    surroundings = {"HOME": pods.HOME, "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1"}  # noqa: S108 - a volume
    fetch: Manifest = {
        **common,
        "name": "fetch",
        "command": ["slipway-fetch", "--model", f"{revision.model}={revision.uri}", "--into", pods.MODELS],
        "env": pods.variables(
            {
                **surroundings,
                "SLIPWAY_PVC": pods.CLAIMS,
                "SLIPWAY_STORE": pods.STORE,
            }
        ),
        "volumeMounts": [*space.mounts, *files.mounts, model],
    }
    ports = ["--http-port", str(HTTP_PORT), "--grpc-port", str(GRPC_PORT)]
    words, secrets = _told(revision.options)
    scheme = "HTTPS" if revision.options.tls else "HTTP"
    serve: Manifest = {
        **common,
        "name": "serve",
        "command": ["slipway-serve", "--model", f"{revision.model}={folder}", *ports, *words],
        "env": pods.variables({**surroundings, "SLIPWAY_CPUS": pods.cores(used.cpu_limit)}),
        "ports": [{"name": "http", "containerPort": HTTP_PORT}, {"name": "grpc", "containerPort": GRPC_PORT}],
        "startupProbe": _probe("live", scheme, period=1, failures=120),
        "readinessProbe": _probe("ready", scheme, period=2, failures=2),
        "livenessProbe": _probe("live", scheme, period=10, failures=3),
        "volumeMounts": [*space.mounts, {**model, "readOnly": True}, *secrets.mounts],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {naming.KIND_LABEL: "ModelService", naming.NAME_LABEL: name}},
    }
    return pods.pod_spec(
        revision.template,
        containers=[serve],
        volumes=[*space.volumes, *files.volumes, {"name": "model", "emptyDir": {}}, *secrets.volumes],
        grace_seconds=GRACE_SECONDS,
        initContainers=[fetch],
        serviceAccountName=name,
        topologySpreadConstraints=[spread],
    )


def metrics_url(scheme: str, pod_ip: str) -> str:
    """Where a pod tells its metrics."""
    host = f"[{pod_ip}]" if ":" in pod_ip else pod_ip
    return f"{scheme}://{host}:{HTTP_PORT}/metrics"


def _told(options: Options) -> tuple[list[str], pods.Volumes]:
    """Words of the command line, and the Secrets that they are about."""
    words = ["--admin"] if options.admin else []
    if options.access_log is not None:
        words += ["--access-log", options.access_log]
    found = pods.Volumes([], [])
    for option, name, path in (("tls", options.tls, _TLS), ("api-keys", options.api_keys, _API_KEYS)):
        if name is not None:
            words += [f"--{option}", path]
            found.volumes.append({"name": option, "secret": {"secretName": name, "defaultMode": 0o440}})
            found.mounts.append({"name": option, "mountPath": path, "readOnly": True})
    return words, found


def _probe(question: str, scheme: str, *, period: int, failures: int) -> Manifest:
    get = {"path": f"/v2/health/{question}", "port": "http", **({"scheme": scheme} if scheme != "HTTP" else {})}
    return {
        "httpGet": get,
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def surroundings(snapshot: Snapshot, replicas: int, *, tls: bool) -> tuple[Manifest, ...]:
    """What stands around the Deployment and never depends on the revision.

    A budget of one pod out of one would permit every eviction, so there is none below two pods. One that was made
    stays when the number falls: it harms nobody, and an autoscaler would have it made and deleted all day.
    """
    key, owner = snapshot.key, snapshot.owner
    labels = naming.labels(key)
    selector = naming.selector(key)
    http, port = ("https", TLS_SERVICE_PORT) if tls else ("http", SERVICE_PORT)
    # Gateways and meshes learn from the protocol that this port speaks HTTP/2 from its first byte.
    plain = {} if tls else {"appProtocol": "kubernetes.io/h2c"}
    ports = [
        {"name": http, "port": port, "targetPort": "http", "protocol": "TCP"},
        {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP", **plain},
    ]
    budget = {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector}}}
    budgets = (owned("PodDisruptionBudget", key.name, owner, labels, budget),) if replicas > 1 else ()
    return (
        owned("ServiceAccount", key.name, owner, labels, {"automountServiceAccountToken": False}),
        owned("Service", key.name, owner, labels, {"spec": {"selector": selector, "ports": ports}}),
        *budgets,
    )
