"""The operator as a process against a real API server, with the declared permissions only."""

import random
import time
from pathlib import Path

from tests.bench.operator.process import OperatorProcess
from tests.cluster.operator.conftest import GatewayProcess
from tests.cluster.operator.world import (
    apply,
    compression_job,
    model_service,
    names,
    objects,
    reason,
    secret,
    training_job,
    until,
    versions,
)

from slipway_devcluster import Cluster

SHA = "a" * 64
MANY = 20
KILLS = 5


def settled(operator: OperatorProcess) -> None:
    """Wait until it has written nothing for two seconds."""
    since, writes = time.monotonic(), operator.writes()
    while time.monotonic() - since < 2.0:
        time.sleep(0.2)
        if operator.writes() != writes:
            since, writes = time.monotonic(), operator.writes()


def test_objects_get_their_children_and_then_silence(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    apply(cluster, namespace, compression_job("small", "digits"), model_service("served", SHA), training_job("digits"))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace, "RESYNC_SECONDS": "5"}) as operator:
        operator.wait_leading()
        until("the Deployment stands", lambda: "Deployment/served" in names(cluster, namespace))
        until(
            "the attempt's Job stands",
            lambda: any(name.startswith("Job/digits-") for name in names(cluster, namespace)),
        )
        until("it waits", lambda: reason(cluster, namespace, "cpj", "small") == "WaitingForTrainingJob")
        settled(operator)
        before, writes = versions(cluster, namespace), operator.writes()
        time.sleep(15)  # more than two resyncs
        assert versions(cluster, namespace) == before
        assert operator.writes() == writes
        assert operator.get("/livez").strip() == "ok"
        assert operator.get("/readyz").strip() == "ok"
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as restarted:
        restarted.wait_leading()
        settled(restarted)
        assert versions(cluster, namespace) == before, "a restart changes nothing"
        changed = {call: n for call, n in restarted.requests().items() if call[0] == "patch" and call[2] != "secrets"}
        assert not changed, "and writes nothing but the store's Secret, which it cannot read"


def test_what_others_change_or_delete_comes_back(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    apply(cluster, namespace, model_service("served", SHA))
    with OperatorProcess(identity, log, extra={"NAMESPACE": own_namespace}) as operator:
        operator.wait_leading()
        until("the Deployment stands", lambda: "Deployment/served" in names(cluster, namespace))
        settled(operator)
        cluster.kubectl("-n", namespace, "scale", "deployment", "served", "--replicas=7")
        cluster.kubectl("-n", namespace, "delete", "service", "served")
        until("the Service is back", lambda: "Service/served" in names(cluster, namespace))

        def replicas() -> int:
            return next(int(one["spec"]["replicas"]) for one in objects(cluster, namespace, "deployments.apps"))

        until("one replica again", lambda: replicas() == 1)
        cluster.kubectl("-n", namespace, "delete", "msv", "served")
        until("all children are gone", lambda: not names(cluster, namespace))


def test_killed_at_random_moments_it_ends_the_same(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    wanted = [training_job(f"t{index}") for index in range(MANY)] + [
        model_service(f"m{index}", SHA, replicas=2) for index in range(MANY)
    ]
    apply(cluster, namespace, *wanted)
    settings = {"NAMESPACE": own_namespace, "LEADER_ELECT": "false"}
    for _ in range(KILLS):
        operator = OperatorProcess(identity, log, extra=settings).start()
        operator.wait_leading()
        time.sleep(chance.uniform(0.0, 0.6))
        operator.kill()
    with OperatorProcess(identity, log, extra=settings) as operator:
        operator.wait_leading()
        expected = MANY * (1 + 2) + MANY * (1 + 5)  # object, Job, policy; object and five children
        until("all children stand", lambda: len(names(cluster, namespace)) >= expected, 120)
        settled(operator)
    found = names(cluster, namespace)
    assert len(found) == expected, sorted(found)
    assert len([name for name in found if name.startswith("Job/")]) == MANY, "one attempt each"
    before = versions(cluster, namespace)
    with OperatorProcess(identity, log, extra=settings) as again:
        again.wait_leading()
        settled(again)
    assert versions(cluster, namespace) == before


def test_a_namespace_gets_its_account_and_refusals_are_told(  # noqa: PLR0917 - pytest passes fixtures by name
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path, gateway: GatewayProcess
) -> None:
    settings = {"NAMESPACE": own_namespace}
    with OperatorProcess(identity, log, store_endpoint=gateway.endpoint, extra=settings) as operator:
        until("the root key stands", lambda: bool(secret(cluster, own_namespace, "slipway-store-root")))
        root = secret(cluster, own_namespace, "slipway-store-root")
        apply(cluster, namespace, training_job("digits"), model_service("served", SHA))
        until("it says why", lambda: reason(cluster, namespace, "trj", "digits") == "StoreUnavailable")
        gateway.start(root["accessKeyId"], root["secretAccessKey"])
        until("the account stands", lambda: bool(secret(cluster, namespace, "slipway-store")), 90)
        first = secret(cluster, namespace, "slipway-store")
        assert first["uri"] == f"s3://slipway-{namespace}/"
        assert first["accessKeyId"] == f"slipway-{namespace}"
        until("training starts", lambda: any(name.startswith("Job/") for name in names(cluster, namespace)))
        # A changed spec ends the active attempt.
        apply(cluster, namespace, training_job("digits", rerun="again"))
        until("the first attempt's Job is deleted", lambda: ("delete", "batch", "jobs") in _used(operator))
        calls = operator.requests()
        assert not [call for call in calls if call[3] == "403"], calls
        # A child that the API server refuses shows in the status, and makes an event.
        cluster.kubectl("-n", namespace, "create", "quota", "none", "--hard=count/deployments.apps=0")
        apply(cluster, namespace, model_service("refused", SHA))
        until("the refusal shows", lambda: reason(cluster, namespace, "msv", "refused") == "ChildRefused")
        until("an event tells of it", lambda: ("create", "events.k8s.io", "events") in _used(operator))


def _used(operator: OperatorProcess) -> set[tuple[str, str, str]]:
    return {(verb, group, resource) for verb, group, resource, _ in operator.requests()}


def test_the_second_replica_takes_over(
    cluster: Cluster, identity: Path, own_namespace: str, namespace: str, log: Path
) -> None:
    settings = {"NAMESPACE": own_namespace}
    first = OperatorProcess(identity, log, extra=settings).start()
    first.wait_leading()
    with OperatorProcess(identity, log, extra=settings) as second:
        until("it is ready", lambda: _ready(second))
        assert "\nslipway_leader 0.0" in second.get("/metrics")
        assert first.stop() == 0
        second.wait_leading(timeout=10)
        apply(cluster, namespace, model_service("served", SHA))
        until("it reconciles", lambda: "Deployment/served" in names(cluster, namespace))


def _ready(operator: OperatorProcess) -> bool:
    try:
        return operator.get("/readyz").strip() == "ok"
    except OSError:
        return False
