"""Granted is what is used, and used is what is granted: judged by the API server's own record of every request."""

import base64
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.audit import asked, judge, permissions
from tests.cluster.operator.conftest import Become, GatewayProcess
from tests.cluster.operator.identity import Identity
from tests.cluster.operator.world import (
    apply,
    compression_job,
    ended,
    message,
    model_service,
    names,
    pods,
    reason,
    secret,
    tell_pod,
    training_job,
    until,
)

from slipway_devcluster import Cluster
from slipway_operator import install_check
from slipway_operator.api.grants import Grant, Scope
from slipway_operator.cluster.verbs import GRANTS, IMPLICIT
from slipway_operator.domain.planning import STORE_SECRET

SHA = "b" * 64


def test_with_watched_namespaces_roles_there_are_enough(
    cluster: Cluster, become: Become, own_namespace: str, namespace: str, log: Path
) -> None:
    identity = Identity(own_namespace, watched=(namespace,))
    settings = {"NAMESPACE": own_namespace, "WATCH_NAMESPACES": f'["{namespace}"]'}
    apply(cluster, namespace, model_service("served", SHA))
    with OperatorProcess(become(identity), log, extra=settings) as operator:
        operator.wait_leading()
        until("the Deployment stands", lambda: "Deployment/served" in names(cluster, namespace))
        apply(cluster, namespace, training_job("digits"))
        until("a watch tells of a new object", lambda: reason(cluster, namespace, "trj", "digits") == "Starting")
    assert not judge(cluster, [identity]).beyond


def test_children_need_the_permission_to_set_finalizers_of_their_owner(
    cluster: Cluster, become: Become, own_namespace: str, namespace: str, log: Path
) -> None:
    identity = Identity(own_namespace, grants=tuple(grant for grant in GRANTS if grant not in IMPLICIT))
    small = compression_job("small", f"s3://models/manifests/{SHA}")
    apply(cluster, namespace, training_job("digits"), small, model_service("served", SHA))
    with OperatorProcess(become(identity), log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        for resource, name in (("trj", "digits"), ("cpj", "small"), ("msv", "served")):
            until(f"{name} says why", partial(_refused, cluster, namespace, resource, name))
            assert "can't set finalizers on" in message(cluster, namespace, resource, name)
    assert not [name for name in names(cluster, namespace) if name.startswith(("Job/", "Deployment/"))]


def test_the_key_of_an_external_store_is_given_on_and_no_secret_of_a_user_is_read(
    cluster: Cluster, become: Become, own_namespace: str, namespace: str, log: Path
) -> None:
    # The chart grants this where values name the Secret; see its template store-role.yaml.
    key = Grant("", "secrets", ("get",), Scope.OWN, names=("company-store",))
    identity = Identity(own_namespace, grants=(*GRANTS, key))
    store = {"STORE_URI": "s3://models/team/", "STORE_ENDPOINT": "https://s3.example.org", "STORE_REGION": "eu-north-1"}
    settings = {"NAMESPACE": own_namespace, "STORE_MODE": "external", "STORE_ROOT_SECRET": "company-store", **store}
    values = {"accessKeyId": "AKIA", "secretAccessKey": "s3cret"}
    cluster.kubectl("-n", namespace, "create", "secret", "generic", "private", "--from-literal=password=x")
    apply(cluster, namespace, training_job("digits"))
    with OperatorProcess(become(identity), log, extra=settings) as operator:
        operator.wait_leading()
        until("it says what is missing", lambda: reason(cluster, namespace, "trj", "digits") == "StoreUnavailable")
        assert "company-store does not exist; create it" in message(cluster, namespace, "trj", "digits")
        literals = [f"--from-literal={name}={value}" for name, value in values.items()]
        cluster.kubectl("-n", own_namespace, "create", "secret", "generic", "company-store", *literals)
        until("pods have the key", lambda: bool(secret(cluster, namespace, STORE_SECRET)), 90)
        until("training starts", lambda: reason(cluster, namespace, "trj", "digits") == "Starting")
    endpoint, region = store["STORE_ENDPOINT"], store["STORE_REGION"]
    expected = {"uri": store["STORE_URI"], "endpoint": endpoint, "region": region, **values}
    assert secret(cluster, namespace, STORE_SECRET) == expected
    about = [one for one in asked(cluster, own_namespace).requests if one.resource == "secrets"]
    read = {(one.verb, one.namespace, one.name) for one in about if one.verb != "patch"}
    assert read == {("get", own_namespace, "company-store")}
    assert {one.name for one in about if one.verb == "patch"} == {STORE_SECRET}


def _refused(cluster: Cluster, namespace: str, resource: str, name: str) -> bool:
    return reason(cluster, namespace, resource, name) == "ChildRefused"


def test_each_permission_is_used_and_no_other_is_asked_for(  # noqa: PLR0917 - pytest passes fixtures by name
    cluster: Cluster,
    identity: Path,
    own_namespace: str,
    identities: list[Identity],
    namespace: str,
    log: Path,
    gateway: GatewayProcess,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with OperatorProcess(identity, log, store_endpoint=gateway.endpoint, extra={"NAMESPACE": own_namespace}) as running:
        until("the root key stands", lambda: bool(secret(cluster, own_namespace, "slipway-store-root")))
        root = secret(cluster, own_namespace, "slipway-store-root")
        gateway.start(root["accessKeyId"], root["secretAccessKey"])
        running.wait_leading()
        _live_through_all(cluster, namespace, running)
    _sweep(identity, own_namespace, namespace, gateway)
    _check_install(identity, monkeypatch, tmp_path)

    verdict = judge(cluster, identities)
    unused = sorted(verdict.unused - permissions(IMPLICIT))
    assert not unused, f"granted but never used: {[_words(one) for one in unused]}"
    assert not verdict.beyond, f"asked for but not granted: {sorted(verdict.beyond)}"


def _words(permission: Grant) -> str:
    only = f" only {', '.join(permission.names)}" if permission.names else ""
    return f"{permission.verbs[0]} {permission.resource}.{permission.group} ({permission.scope}{only})"


def _live_through_all(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    """The rare ways of an object: whatever is not asked for by its mere existence."""

    def jobs() -> set[str]:
        return {name for name in names(cluster, namespace) if name.startswith("Job/")}

    def digits(**spec: object) -> None:
        apply(cluster, namespace, training_job("digits", nodes=2, ttlSecondsAfterFinished=0, **spec))

    digits()
    # A disruption budget is made for two pods or more; an autoscaler goes when it is wanted no more.
    served = model_service("served", SHA, replicas=2)
    by_cpu = {"autoscaling": {"max": 3, "target": {"cpu": 50}}}
    scaled = {**served, "spec": {**served["spec"], **by_cpu}}
    apply(cluster, namespace, compression_job("small", "digits"), scaled)
    until("the namespace has its account", lambda: bool(secret(cluster, namespace, "slipway-store")), 90)
    until("the model has its autoscaler", lambda: "HorizontalPodAutoscaler/served" in names(cluster, namespace))
    apply(cluster, namespace, served)
    until("it is deleted", lambda: "HorizontalPodAutoscaler/served" not in names(cluster, namespace))
    until("the model has its Deployment", lambda: "Deployment/served" in names(cluster, namespace))
    # Suspended twice: the second event is a repetition of the first.
    for _ in range(2):
        until("an attempt stands", lambda: bool(jobs()))
        digits(suspend=True)
        until("it is suspended", lambda: reason(cluster, namespace, "trj", "digits") == "Suspended" and not jobs())
        digits()
    until("the event is repeated", lambda: ("patch", "events.k8s.io", "events") in _verbs(operator))
    until("an attempt stands", lambda: bool(jobs()))
    # Another run: the first one's Service goes. It fails for good: all it leaves goes at once.
    digits(rerun="again")
    until("the old run's Service is deleted", lambda: ("delete", "", "services") in _verbs(operator))
    until("both ranks have their pods", lambda: len(_waiting(cluster, namespace)) == 2)
    # One is enough: the other goes with it.
    tell_pod(cluster, namespace, _waiting(cluster, namespace)[0], ended(64, "no column y"))
    until("it has failed", lambda: reason(cluster, namespace, "trj", "digits") == "ConfigError")
    until("nothing of it is left", lambda: not jobs() and "NetworkPolicy/digits-train" not in names(cluster, namespace))


def _waiting(cluster: Cluster, namespace: str) -> list[str]:
    found = pods(cluster, namespace, "digits")
    return [str(one["metadata"]["name"]) for one in found if one["metadata"].get("deletionTimestamp") is None]


def _verbs(operator: OperatorProcess) -> set[tuple[str, str, str]]:
    return {(verb, group, resource) for verb, group, resource, _ in operator.requests()}


def _sweep(identity: Path, own_namespace: str, namespace: str, gateway: GatewayProcess) -> None:
    """As the chart's CronJob does, with the operator's own account."""
    settings = {"NAMESPACE": own_namespace, "STORE_ENDPOINT": gateway.endpoint, "WATCH_NAMESPACES": f'["{namespace}"]'}
    environment = {**os.environ, "KUBECONFIG": str(identity)}
    environment |= {f"SLIPWAY_OPERATOR_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "slipway_operator.main", "sweep"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _check_install(identity: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As the chart's test pod does, with the operator's own account."""
    config = yaml.safe_load(identity.read_text())
    server = config["clusters"][0]["cluster"]
    (folder / "ca.crt").write_bytes(base64.b64decode(server["certificate-authority-data"]))
    (folder / "token").write_text(config["users"][0]["user"]["token"])
    host, _, port = server["server"].removeprefix("https://").rpartition(":")
    monkeypatch.setattr(install_check, "ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    assert "TrainingJob" in install_check.check_kinds()
