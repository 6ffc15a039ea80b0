"""What the chart renders, by Helm itself."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway_devcluster import Cluster
from slipway_operator.settings import OperatorSettings

CHART = Path(__file__).resolve().parents[3] / "charts" / "slipway"
EXTERNAL = ["store.embedded.enabled=false", "store.external.uri=s3://models/x", "store.external.secretName=mine"]
CLUSTER_WIDE = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Cluster("none").binary("helm")), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def template(*values: str, json_values: str = "{}") -> list[dict[str, Any]]:
    sets = [word for value in values for word in ("--set", value)]
    words = ["template", "slipway", str(CHART), "--namespace", "ns", "--api-versions", "monitoring.coreos.com/v1"]
    done = subprocess.run(
        [str(Cluster("none").binary("helm")), *words, *sets, "--values", "-"],
        input=json_values, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def of_kind(items: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in items if item["kind"] == kind]


def pod_specs(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for item in items:
        match item["kind"]:
            case "Deployment":
                found.append(item["spec"]["template"]["spec"])
            case "CronJob":
                found.append(item["spec"]["jobTemplate"]["spec"]["template"]["spec"])
            case "Pod":
                found.append(item["spec"])
    return found


def environment(items: list[dict[str, Any]]) -> dict[str, str]:
    operator = next(item for item in of_kind(items, "Deployment") if item["metadata"]["name"] == "slipway")
    env = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    return {entry["name"]: entry.get("value", "from-the-pod") for entry in env}


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        ([], ["volume claim slipway-store", "every namespace"], ["secretName", "once a store is chosen"]),
        (EXTERNAL, ["s3://models/x", "the Secret mine in ns"], ["volume claim", "no model store"]),
        (
            ["store.embedded.enabled=false", "watchNamespaces={a,b}"],
            ["no model store", "uri: s3://", "secretName: my-bucket", "--from-literal=accessKeyId", "a, b"],
            ["are kept in"],
        ),
    ],
    ids=["embedded", "external", "none"],
)
def test_notes_say_where_models_are_kept_and_what_is_missing(
    values: list[str], said: list[str], unsaid: list[str]
) -> None:
    sets = [word for value in values for word in ("--set", value)]
    done = run("install", "slipway", str(CHART), "--namespace", "ns", "--dry-run=client", *sets)
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("\nNOTES:\n")[2]
    assert [words for words in said if words not in notes] == []
    assert [words for words in unsaid if words in notes] == []
    assert "helm test slipway --namespace ns" in notes


def test_lint() -> None:
    done = run("lint", str(CHART), "--strict")
    assert done.returncode == 0, done.stdout


def test_every_pod_is_restricted_and_bounded() -> None:
    specs = pod_specs(template())
    assert len(specs) == 4
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_rendering_twice_gives_the_same() -> None:
    assert template() == template()
    text = "".join(path.read_text() for path in (CHART / "templates").rglob("*.*"))
    assert "rand" not in text
    assert "lookup" not in text


@pytest.mark.parametrize("values", [[], EXTERNAL, ["watchNamespaces={a,b}", "operator.logLevel=debug"]])
def test_the_operator_understands_its_environment(values: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(template(*values))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = OperatorSettings()
    known = {f"SLIPWAY_OPERATOR_{name.upper()}" for name in OperatorSettings.model_fields}
    assert given.keys() <= known
    assert settings.watch_namespaces == (("a", "b") if "watchNamespaces={a,b}" in values else ())
    assert settings.store_mode == ("external" if values == EXTERNAL else "embedded")
    assert settings.store_root_secret == ("mine" if values == EXTERNAL else "slipway-store-root")


def test_watched_namespaces_turn_cluster_roles_into_roles() -> None:
    items = template("watchNamespaces={a,b}")
    assert not of_kind(items, "ClusterRole")
    assert sorted(item["metadata"]["namespace"] for item in of_kind(items, "Role")) == ["a", "b", "ns"]
    bindings = of_kind(items, "RoleBinding")
    assert {item["subjects"][0]["namespace"] for item in bindings} == {"ns"}
    assert of_kind(template(), "ClusterRole")


def test_no_role_reads_secrets_of_other_namespaces() -> None:
    for values in ([], EXTERNAL, ["watchNamespaces={a}"]):
        for role in template(*values):
            if role["kind"] not in {"ClusterRole", "Role"}:
                continue
            for rule in role["rules"]:
                assert "*" not in rule["resources"] + rule["verbs"] + rule["apiGroups"]
                reads = {"get", "list", "watch"} & set(rule["verbs"])
                if "secrets" in rule["resources"] and reads:
                    assert role["metadata"].get("namespace") == "ns"
                    assert rule["resourceNames"]


def test_external_store_needs_no_store_of_its_own() -> None:
    items = template(*EXTERNAL)
    assert not of_kind(items, "PersistentVolumeClaim")
    assert [item["metadata"]["name"] for item in of_kind(items, "Deployment")] == ["slipway"]


def test_definitions_are_kept_and_can_be_left_out() -> None:
    kept = {"helm.sh/resource-policy": "keep"}
    assert [item["metadata"].get("annotations") for item in of_kind(template(), "CustomResourceDefinition")] == [
        kept
    ] * 3
    loose = of_kind(template("crds.keep=false"), "CustomResourceDefinition")
    assert [item["metadata"].get("annotations") for item in loose] == [None] * 3
    assert not of_kind(template("crds.enabled=false"), "CustomResourceDefinition")


def test_images_by_registry_tag_and_digest() -> None:
    digest = "sha256:" + "a" * 64
    values = {
        "images": {"registry": "registry.example.com/team/", "operator": {"tag": "7"}, "serve": {"digest": digest}}
    }
    items = template(json_values=json.dumps(values))
    assert environment(items)["SLIPWAY_OPERATOR_SERVE_IMAGE"] == f"registry.example.com/team/slipway-serve@{digest}"
    assert environment(items)["SLIPWAY_OPERATOR_CONVERT_IMAGE"].startswith("registry.example.com/team/slipway-convert:")
    images = {container["image"] for spec in pod_specs(items) for container in spec["containers"]}
    assert "registry.example.com/team/slipway-operator:7" in images


def test_everything_is_in_the_releases_namespace() -> None:
    for item in template("serviceMonitor.enabled=true"):
        if item["kind"] not in CLUSTER_WIDE:
            assert item["metadata"]["namespace"] == "ns", item["kind"]


def test_optional_parts_can_be_left_out() -> None:
    kinds = {
        item["kind"]
        for item in template("networkPolicies.enabled=false", "retention.enabled=false", "rbac.create=false")
    }
    assert not {"NetworkPolicy", "CronJob", "ClusterRole", "Role", "ServiceMonitor"} & kinds
    assert of_kind(template("serviceMonitor.enabled=true"), "ServiceMonitor")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("operator.replica=3", "additional properties 'replica' not allowed"),
        ("operator.replicas=0", "minimum: got 0, want 1"),
        ("retention.grace=soon", "does not match pattern"),
        ("store.external.uri=s3://b", "set store.embedded.enabled=false to use store.external.uri"),
        ("store.external.uri=gs://b", "does not match pattern"),
        ("images.serve.digest=latest", "does not match pattern"),
    ],
)
def test_a_wrong_value_is_refused(value: str, message: str) -> None:
    done = run("template", "slipway", str(CHART), "--set", value)
    assert done.returncode != 0
    assert message in done.stderr
