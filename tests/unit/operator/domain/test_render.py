"""Manifests: what a pod may do, what it is told, and that serving pods change only with their revision."""

import hashlib
import json
from typing import Any

import pytest
from tests.unit.operator.domain.builders import ARTIFACT, COMPRESSION, DIGEST, TRAINING, URI, Body, applied, ask, owner

from slipway_operator.api.meta import PodTemplate
from slipway_operator.domain.planning import Kind, Plan, Settings
from slipway_operator.domain.render.pods import cores, needs, strings

RUNTIME_TLS = "/var/run/slipway/tls"
RUNTIME_KEYS = "/var/run/slipway/api-keys"


def job_of(plan: Plan) -> Body:
    return applied(plan, "Job")[0]


def pod_of(plan: Plan, kind: str = "Job") -> Body:
    found: Body = applied(plan, kind)[0]["spec"]["template"]["spec"]
    return found


def environment(pod: Body, container: str = "containers") -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod[container][0]["env"]}


def training(**change: Any) -> Plan:
    return ask(Kind.TRAINING_JOB, {**TRAINING, **change})


def compression(**change: Any) -> Plan:
    source = owner(Kind.TRAINING_JOB, "digits", TRAINING, {"artifact": ARTIFACT, "artifactRun": "r", "run": "r"})
    return ask(Kind.COMPRESSION_JOB, {**COMPRESSION, **change}, name="small", sources=(source,))


def service(**change: Any) -> Plan:
    return ask(Kind.MODEL_SERVICE, {"model": {"uri": URI}, "replicas": 2, **change})


def imported() -> Plan:
    return ask(Kind.MODEL_SERVICE, {"model": {"uri": "https://models.example/m.onnx"}})


EVERY_POD = {
    "training": lambda: pod_of(training()),
    "own program": lambda: pod_of(
        ask(Kind.TRAINING_JOB, {"program": {"image": "me/mine:1", "command": ["x"]}, "nodes": 2, "gpus": 1})
    ),
    "compression": lambda: pod_of(compression()),
    "import": lambda: pod_of(imported()),
    "service": lambda: pod_of(service(), "Deployment"),
}


@pytest.mark.parametrize("name", EVERY_POD)
def test_every_pod_meets_pod_security_restricted(name: str) -> None:
    pod = EVERY_POD[name]()
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    kinds = {"emptyDir", "secret", "persistentVolumeClaim"}
    assert all(set(volume) - {"name"} <= kinds for volume in pod["volumes"])
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        for side in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][side])
        mounted = {one["mountPath"] for one in container["volumeMounts"]}
        told = {one["name"]: one.get("value") for one in container["env"]}
        assert {told["HOME"], told["TMPDIR"]} <= mounted
        assert not {"accessKeyId", "secretAccessKey"} & set(told)
    leaving = {one["key"]: one.get("tolerationSeconds") for one in pod["tolerations"]}
    assert leaving["node.kubernetes.io/unreachable"] == 10
    assert leaving["node.kubernetes.io/not-ready"] == 10


def test_training_on_many_nodes() -> None:
    plan = training(nodes=3, gpus=2)
    job, service_object = job_of(plan), applied(plan, "Service")[0]
    spec, pod = job["spec"], pod_of(plan)
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3)
    assert (spec["backoffLimit"], spec["podReplacementPolicy"], pod["restartPolicy"]) == (0, "Failed", "Never")
    assert pod["subdomain"] == service_object["metadata"]["name"]
    assert service_object["spec"]["publishNotReadyAddresses"] is True
    assert service_object["spec"]["clusterIP"] == "None"
    told = environment(pod)
    assert told["MASTER_ADDR"] == f"{job['metadata']['name']}-0.{pod['subdomain']}"
    assert (told["SLIPWAY_NODES"], told["PET_NNODES"], told["PET_NPROC_PER_NODE"]) == ("3", "3", "2")
    assert told["WORLD_SIZE"] == "6"
    assert "job-completion-index" in told["SLIPWAY_NODE_RANK"]["fieldRef"]["fieldPath"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    assert "CUDA_VISIBLE_DEVICES" not in told
    assert {"name": "shm", "emptyDir": {"medium": "Memory"}} in pod["volumes"]


def test_training_on_one_node_needs_no_service() -> None:
    plan = training(processesPerNode=2)
    told = environment(pod_of(plan))
    assert applied(plan, "Service") == []
    assert told["MASTER_ADDR"] == "127.0.0.1"
    assert told["SLIPWAY_PROCESSES_PER_NODE"] == "2"
    assert told["CUDA_VISIBLE_DEVICES"] == ""
    assert told["SLIPWAY_CPUS"] == "2"


def test_a_pod_is_told_its_spec_and_identity() -> None:
    plan = training(history=7, deletionPolicy="Delete")
    told = environment(pod_of(plan))
    assert json.loads(told["SLIPWAY_SPEC"])["recipe"]["classifier"]["batchSize"] == 32
    assert json.loads(told["SLIPWAY_RETENTION"]) == {"history": 7, "deletionPolicy": "Delete"}
    assert plan.status is not None
    assert told["SLIPWAY_RUN"] == f"team/trainingjob/digits/{plan.status['run']}"
    assert told["SLIPWAY_OUTPUT"] == "s3://slipway-team/"


def test_an_own_program_runs_under_the_launcher() -> None:
    container = EVERY_POD["own program"]()["containers"][0]
    assert container["image"] == "me/mine:1"
    assert container["command"] == ["slipway-launch"]


def test_secrets_and_claims_of_a_spec_are_mounted() -> None:
    dataset = {"uri": "pvc://claim/train.csv", "secretName": "data"}
    output = {"uri": "s3://mine/x", "secretName": "mine"}
    pod = pod_of(training(dataset=dataset, output=output))
    mounts = {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert {"/var/run/slipway/secrets/data", "/var/run/slipway/pvc/claim", "/var/run/slipway/store"} <= mounts
    secrets = {
        one["secret"]["secretName"]: one["secret"].get("optional", False) for one in pod["volumes"] if "secret" in one
    }
    assert secrets == {"mine": False, "data": False}
    assert environment(pod)["SLIPWAY_OUTPUT"] == "s3://mine/x"


def test_a_compression_with_its_own_output_reads_its_source_with_the_store_s_credentials() -> None:
    told = environment(pod_of(compression(output={"uri": "s3://mine/x", "secretName": "mine"})))
    assert told["SLIPWAY_SOURCE"] == URI
    assert told["SLIPWAY_SOURCE_SECRET"] == "slipway-store"
    assert "SLIPWAY_SOURCE_SECRET" not in environment(pod_of(compression()))


def test_overrides_of_a_pod() -> None:
    template = {
        "resources": {"cpu": "500m"},
        "nodeSelector": {"b": "2", "a": "1"},
        "tolerations": [{"key": "team", "operator": "Exists"}],
        "priorityClassName": "high",
        "imagePullSecrets": ["registry"],
    }
    pod = pod_of(training(podTemplate=template))
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "2Gi"}
    assert environment(pod)["SLIPWAY_CPUS"] == "0.5"
    assert list(pod["nodeSelector"]) == ["a", "b"]
    assert pod["tolerations"][-1] == {"key": "team", "operator": "Exists"}
    assert (pod["priorityClassName"], pod["imagePullSecrets"]) == ("high", [{"name": "registry"}])


@pytest.mark.parametrize(("quantity", "expected"), [("2", "2"), ("1.5", "1.5"), ("500m", "0.5"), ("2000m", "2")])
def test_cores(quantity: str, expected: str) -> None:
    assert cores(quantity) == expected


def test_needs_are_found_at_any_depth() -> None:
    found = needs({"a": [{"secretName": "s"}, {"uri": "pvc://c/x"}], "uri": "s3://x", "n": 3})
    assert (found.secrets, found.claims) == (("s",), ("c",))
    assert list(strings(5)) == []


def test_equal_wishes_render_equal_manifests() -> None:
    for plan in (training, compression, service, imported):
        assert json.dumps(plan().apply) == json.dumps(plan().apply)


def test_names_of_the_kinds_never_collide() -> None:
    names = [
        (one["kind"], one["metadata"]["name"])
        for plan in (training(nodes=2), compression(), service())
        for one in plan.apply
    ]
    assert len(set(names)) == len(names)


def egress(plan: Plan) -> list[Body]:
    rules: list[Body] = applied(plan, "NetworkPolicy")[0]["spec"]["egress"]
    return rules


def ports(rules: list[Body]) -> set[int]:
    return {port["port"] for rule in rules for port in rule.get("ports", ())}


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({"uri": "builtin://digits"}, {53}),
        ({"uri": "https://data.example/x.csv"}, {53, 443}),
        ({"uri": "http://data.example:8000/x.csv"}, {53, 8000}),
        ({"uri": "http://data.example:port/x.csv"}, {53, 80}),
        ({"uri": "s3://x/y.csv", "secretName": "s"}, {53, 1}),
    ],
)
def test_pods_reach_only_what_their_spec_names(dataset: Body, expected: set[int]) -> None:
    assert ports(egress(training(dataset=dataset))) == expected


def test_who_reaches_pods() -> None:
    rules = applied(training(), "NetworkPolicy")[0]["spec"]["ingress"]
    assert rules[0] == {
        "from": [{"podSelector": {"matchLabels": {"slipway.dev/kind": "TrainingJob", "slipway.dev/name": "digits"}}}]
    }
    assert rules[1]["ports"] == [{"port": 8787, "protocol": "TCP"}]
    assert ports(applied(service(), "NetworkPolicy")[0]["spec"]["ingress"]) == {8080, 8081}


def test_network_policies_can_be_off() -> None:
    off = Settings(train_image="train:1", serve_image="serve:1", network_policies=False)
    source = owner(Kind.TRAINING_JOB, "digits", TRAINING, {"artifact": ARTIFACT})
    for plan in (
        ask(Kind.TRAINING_JOB, TRAINING, settings=off),
        ask(Kind.COMPRESSION_JOB, COMPRESSION, settings=off, sources=(source,)),
        ask(Kind.MODEL_SERVICE, {"model": {"uri": URI}}, settings=off),
    ):
        assert plan.apply
        assert applied(plan, "NetworkPolicy") == []


def test_serving() -> None:
    plan = service()
    deployment = applied(plan, "Deployment")[0]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert applied(plan, "PodDisruptionBudget")[0]["spec"]["maxUnavailable"] == 1
    assert applied(plan, "ServiceAccount")[0]["automountServiceAccountToken"] is False
    pod = deployment["template"]["spec"]
    assert pod["serviceAccountName"] == "digits"
    assert pod["initContainers"][0]["command"] == [
        "slipway-fetch",
        "--model",
        f"digits={URI}",
        "--into",
        "/var/run/slipway/models",
    ]
    assert deployment["template"]["metadata"]["annotations"]["slipway.dev/digest"] == DIGEST
    own = pod_of(service(model={"uri": URI, "secretName": "mine"}), "Deployment")
    assert [one["secret"]["secretName"] for one in own["volumes"] if "secret" in one] == ["mine"]


def test_serving_with_tls_keys_and_an_access_log() -> None:
    options: Body = {
        "tls": {"secretName": "certificate"},
        "apiKeys": {"secretName": "keys"},
        "admin": True,
        "accessLog": {"sample": "0.01"},
    }
    plan = service(**options)
    pod = pod_of(plan, "Deployment")
    words = pod["containers"][0]["command"]
    assert words[-7:] == ["--admin", "--access-log", "0.01", "--tls", RUNTIME_TLS, "--api-keys", RUNTIME_KEYS]
    mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
    secrets = {one["name"]: one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    assert secrets[mounts[RUNTIME_TLS]] == "certificate"
    assert secrets[mounts[RUNTIME_KEYS]] == "keys"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert pod["containers"][0][probe]["httpGet"]["scheme"] == "HTTPS"
    (ports,) = (one["spec"]["ports"] for one in applied(plan, "Service"))
    assert [(one["name"], one["port"], one.get("appProtocol")) for one in ports] == [
        ("https", 443, None),
        ("grpc", 8081, None),
    ]
    assert plan.status is not None
    assert plan.status["url"] == "https://digits.team.svc"
    assert plan.status["grpcUrl"] == "grpcs://digits.team.svc:8081"
    assert all(rule.get("to") != [{"ipBlock": {"cidr": "0.0.0.0/0"}}] for rule in egress(plan)), (
        "no way out by a Secret"
    )
    revisions = {
        applied(service(**{name: value}), "Deployment")[0]["spec"]["template"]["metadata"]["labels"][
            "slipway.dev/revision"
        ]
        for name, value in options.items()
    }
    assert len(revisions) == len(options)


def test_an_upgrade_never_changes_a_serving_pod() -> None:
    """Golden: another hash here means that every served model restarts when the operator is upgraded."""
    template = applied(service(), "Deployment")[0]["spec"]["template"]
    content = json.dumps(template, sort_keys=True).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == "bfad6f51f1f8cc84"
    assert PodTemplate().model_dump(mode="json", by_alias=True, exclude_defaults=True) == {}
