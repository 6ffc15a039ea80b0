from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from slipway_operator.api.generate.crd import KINDS, KindDefinition, crd
from slipway_operator.api.generate.files import generated_files, main, outdated, to_yaml
from slipway_operator.api.generate.rbac import chart_rbac
from slipway_operator.api.generate.rules import RULES, rules_of
from slipway_operator.api.generate.schema import SchemaProblem, spec_schema, status_schema
from slipway_operator.api.grants import Grant, Scope
from slipway_operator.api.trainingjob import TrainingJobSpec
from slipway_operator.cluster.verbs import GRANTS
from slipway_runtime.datasets.builtin import BUILTIN
from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.train import TrainSpec

ROOT = Path(__file__).resolve().parents[4]
LIMIT_BYTES = 60_000
BY_KIND = pytest.mark.parametrize("definition", KINDS, ids=[definition.kind for definition in KINDS])


def nodes(
    schema: dict[str, Any], path: str = "", *, in_list: bool = False
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    yield path, schema, in_list
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}", in_list=in_list)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]", in_list=True)


def schema_of(definition: KindDefinition) -> dict[str, Any]:
    found: dict[str, Any] = crd(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def test_generated_files_are_up_to_date() -> None:
    stale = outdated(ROOT, generated_files(GRANTS))
    assert not stale, f"run `make generate`: {', '.join(str(path) for path in stale)}"


@BY_KIND
def test_a_definition_stays_small(definition: KindDefinition) -> None:
    assert len(to_yaml(crd(definition)).encode()) < LIMIT_BYTES


@BY_KIND
def test_every_node_is_described_typed_and_bounded(definition: KindDefinition) -> None:
    for part in ("spec", "status"):
        for path, node, _ in nodes(schema_of(definition)["properties"][part], part):
            assert "type" in node, path
            assert node["type"] != "number", f"{path}: manifests carry no floats"
            assert "description" in node or path.endswith("[]"), path
            assert not {"$ref", "anyOf", "title", "additionalItems"} & node.keys(), path
            if node["type"] == "string":
                assert {"enum", "maxLength"} & node.keys(), path
            if node["type"] == "array":
                assert {"maxItems", "x-kubernetes-list-type"} <= node.keys(), path


@BY_KIND
def test_defaults_stand_only_at_fixed_paths_of_the_spec(definition: KindDefinition) -> None:
    for part in ("spec", "status"):
        for path, node, in_list in nodes(schema_of(definition)["properties"][part], part):
            assert "default" not in node or (part == "spec" and not in_list), path


@BY_KIND
def test_columns_read_fields_that_exist(definition: KindDefinition) -> None:
    schema = schema_of(definition)
    for column in definition.columns:
        if not column.path.startswith(".status"):
            continue
        node = schema
        for step in (
            column.path.replace('[?(@.type=="Ready")]', "").replace('[?(@.name=="accuracy")]', "").split(".")[1:]
        ):
            node = node["properties"][step]
            node = node.get("items", node)


def test_rules_are_inherited() -> None:
    assert rules_of(TrainingJobSpec)[: len(RULES[TrainSpec])] == RULES[TrainSpec]
    assert len(rules_of(TrainingJobSpec)) > len(RULES[TrainSpec])


def test_rules_know_every_builtin_dataset() -> None:
    text = "".join(
        rule["rule"]
        for _, node, _ in nodes(spec_schema(TrainingJobSpec))
        for rule in node.get("x-kubernetes-validations", ())
    )
    assert all(f"'builtin://{name}'" in text for name in BUILTIN)


class Unbounded(SpecModel):
    text: str = Field(description="No longest length.")


class Undescribed(SpecModel):
    count: int


class Twofold(SpecModel):
    either: int | Annotated[str, Field(max_length=3)] = Field(description="Two types.")


class EndlessList(SpecModel):
    items: tuple[int, ...] = Field(description="No longest length.")


class EndlessMap(SpecModel):
    labels: dict[str, Annotated[str, Field(max_length=3)]] = Field(description="No most entries.")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Unbounded, "Unbounded.text: has no longest length; add max_length"),
        (Undescribed, "Undescribed.count: has no description; add one, it is the text of kubectl explain"),
        (Twofold, "Twofold.either: has no single type; use a model with one optional field for each choice"),
        (EndlessList, "EndlessList.items: has no longest length; add max_length to the list"),
        (EndlessMap, "EndlessMap.labels: has no most entries; add max_length to the dict"),
    ],
)
def test_a_model_that_cannot_be_a_schema_is_refused(model: type[BaseModel], message: str) -> None:
    # A docstring is the description of an object; these five have none, so each gets one here.
    model.__doc__ = "Something."
    model.model_rebuild(force=True)
    with pytest.raises(SchemaProblem) as refused:
        spec_schema(model)
    assert str(refused.value) == message


class Inner(SpecModel):
    """Inner."""

    size: int = Field(3, description="Size.")


class Outer(SpecModel):
    """Outer."""

    inner: Inner = Field(default=Inner(), description="The site's own words.")
    maybe: Inner | None = Field(None, description="Absent or whole.")
    many: Annotated[tuple[Inner, ...], Field(max_length=2)] = Field(default=(), description="Several.")


def test_optional_means_absent_and_nested_defaults_fill_from_an_empty_object() -> None:
    size = {"type": "integer", "format": "int64", "description": "Size."}
    filled = {"type": "object", "properties": {"size": {**size, "default": 3}}}
    schema = spec_schema(Outer)["properties"]
    assert schema["inner"] == {**filled, "description": "The site's own words.", "default": {}}
    assert schema["maybe"] == {**filled, "description": "Absent or whole."}
    assert schema["many"]["items"] == {"type": "object", "description": "Inner.", "properties": {"size": size}}
    assert "default" not in str(status_schema(Outer))


def test_roles_follow_the_scopes() -> None:
    text = chart_rbac(
        [
            Grant("", "pods", ("list", "watch")),
            Grant("", "nodes", ("get",), Scope.CLUSTER),
            Grant("", "secrets", ("get",), Scope.OWN, names=("root",)),
        ]
    )
    head, watched, own = (
        text.partition("{{- if .Values.watchNamespaces }}")[0],
        text,
        text.rpartition("{{- end }}\n---")[2],
    )
    assert 'resources: ["nodes"]' in head
    assert watched.count('resources: ["pods"]') == 2
    assert 'resourceNames: ["root"]' in own


def test_check_says_what_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert main(GRANTS, ["--root", str(tmp_path), "--check"]) == 1
    assert "out of date: crds/slipway.dev_trainingjobs.yaml" in capsys.readouterr().out
    assert main(GRANTS, ["--root", str(tmp_path)]) == 0
    assert main(GRANTS, ["--root", str(tmp_path), "--check"]) == 0


def test_a_folder_without_a_project_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(GRANTS, ["--root", str(tmp_path)])
    assert "has no pyproject.toml; give the folder of the checkout" in capsys.readouterr().err
