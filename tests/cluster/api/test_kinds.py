"""What the API server makes of the definitions: status, defaults, apply, explain, columns, scale."""

import json
from typing import Any

import pytest
from tests.cluster.api.objects import compression, service, training
from tests.cluster.api.server import Server

from slipway_devcluster import Cluster
from slipway_operator.api.generate.crd import KINDS, KindDefinition, crd

pytestmark = pytest.mark.cluster

OBJECTS = {"TrainingJob": training, "CompressionJob": compression, "ModelService": service}
BY_KIND = pytest.mark.parametrize("definition", KINDS, ids=[definition.kind for definition in KINDS])


def schema_of(definition: KindDefinition, part: str) -> dict[str, Any]:
    schema = crd(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = schema["properties"][part]
    return found


def example(schema: dict[str, Any]) -> Any:  # noqa: PLR0911 - one return a type
    """A value of a schema in which every field is present."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            return {name: example(child) for name, child in schema["properties"].items()}
        case "array":
            return [example(schema["items"])]
        case "integer":
            return max(schema.get("minimum", 0), 1)
        case "string" if schema.get("format") == "date-time":
            return "2026-01-02T03:04:05Z"
        case "string" if "sha256" in schema.get("pattern", ""):
            return "sha256:" + "a" * 64
        case "string" if schema.get("pattern", "").startswith("^[a-z]"):
            return "name"
        case "string" if "pattern" in schema:
            return "1"
        case "string":
            return "text"
        case other:
            raise AssertionError(other)


@BY_KIND
def test_every_field_of_the_status_survives(server: Server, definition: KindDefinition) -> None:
    body = OBJECTS[definition.kind]("whole")
    server.apply(body)
    status = example(schema_of(definition, "status"))
    head = {key: body[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": "whole"}}
    stored = server.apply({**head, "status": status}, part="status")
    assert stored["status"] == status
    server.delete(definition.kind, "whole")


@BY_KIND
def test_applying_an_unchanged_manifest_changes_nothing(server: Server, definition: KindDefinition) -> None:
    body = OBJECTS[definition.kind]("same")
    first = server.apply(body)
    again = server.apply(body)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1
    server.delete(definition.kind, "same")


def test_defaults_fill_fixed_paths_and_never_items_of_lists(server: Server) -> None:
    calibration = {"samples": 64, "dataset": {"uri": "builtin://iris"}}
    passes = [{"quantize": {"scheme": "int8-static", "calibration": calibration}}]
    stored = server.create(compression(passes=passes), dry_run=True)["spec"]
    assert stored["passes"] == passes
    assert stored["evaluation"]["dataset"] == {"uri": "builtin://digits", "format": "auto", "target": "target"}
    assert stored["failurePolicy"] == {"maxRestarts": 3, "noProgressLimit": 3}
    assert "output" not in stored


@BY_KIND
def test_explain_knows_every_field(cluster: Cluster, definition: KindDefinition) -> None:
    text = cluster.kubectl("explain", definition.plural, "--recursive", "--api-version=slipway.dev/v1alpha1")
    assert "<no description>" not in text
    for part in ("spec", "status"):
        for name, child in schema_of(definition, part)["properties"].items():
            shown = " ".join(cluster.kubectl("explain", f"{definition.plural}.{part}.{name}").split())
            assert child["description"][:60] in shown


@BY_KIND
def test_columns(server: Server, cluster: Cluster, definition: KindDefinition) -> None:
    server.apply(OBJECTS[definition.kind]("shown"))
    head = cluster.kubectl("get", definition.short_name).splitlines()[0].split()
    assert head == ["NAME", *(column.name.upper() for column in definition.columns if not column.priority)]
    assert "shown" in cluster.kubectl("get", "slipway")
    server.delete(definition.kind, "shown")


def test_scaling_a_service_writes_its_replicas(server: Server, cluster: Cluster) -> None:
    server.apply(service("scaled"))
    cluster.kubectl("scale", "msv", "scaled", "--replicas=3")
    found = json.loads(cluster.kubectl("get", "msv", "scaled", "--output=json"))
    assert found["spec"]["replicas"] == 3
    server.delete("ModelService", "scaled")
