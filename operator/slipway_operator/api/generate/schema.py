"""From pydantic models to structural schemas, as Kubernetes wants them in a CRD."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from slipway_operator.api.generate.rules import rules_of
from slipway_operator.api.meta import Condition, Reference
from slipway_runtime.spec.gate import MetricBound, MetricDrop

LIST_KEYS: Mapping[str, str] = {Condition.__name__: "type", MetricBound.__name__: "name", MetricDrop.__name__: "name"}
"""Lists of these items are maps by the field: the API server refuses a second item of one key, and merges by it."""

ATOMIC: frozenset[str] = frozenset({Reference.__name__})
"""Objects that are replaced whole: half of an old reference and half of a new one would point at nothing."""

_KEPT = (
    "type", "description", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
    "maxItems", "maxProperties", "required",
)  # fmt: skip


class SchemaProblem(Exception):
    """A model cannot be a structural schema; the message names the path and the remedy."""


def spec_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Structural schema of a spec: with defaults at fixed paths, bounds, descriptions and CEL rules.

    Raises:
        SchemaProblem: a string, list or map has no bound, a field no description, or a type has no structural form.
    """
    return _Structure(model, defaults=True).schema


def status_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Structural schema of a status: as ``spec_schema``, without defaults (a status says only what was observed)."""
    return _Structure(model, defaults=False).schema


class _Generator(GenerateJsonSchema):
    """JSON schema where optional means absent, never null, and every object carries its class's rules."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = schema.get("default")
        if default is None or default in ((), ""):
            return self.generate_inner(schema["schema"])
        if isinstance(default, BaseModel):
            return {**_sibling(self.generate_inner(schema["schema"])), "default": {}}
        return super().default_schema(schema)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        built = super().model_schema(schema)
        if rules := rules_of(schema["cls"]):
            built["x-kubernetes-validations"] = [rule.to_schema() for rule in rules]
        return built


def _sibling(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A copy that may take further keys beside a reference."""
    return dict(schema)


class _Structure:
    """One conversion: references inlined, what Kubernetes does not know dropped."""

    def __init__(self, model: type[BaseModel], *, defaults: bool) -> None:
        self._defaults = defaults
        built = model.model_json_schema(by_alias=True, schema_generator=_Generator)
        self._definitions: Mapping[str, Any] = built.pop("$defs", {})
        self.schema = self._convert(built, model.__name__, in_list=False)

    def _convert(self, source: Mapping[str, Any], path: str, *, in_list: bool) -> dict[str, Any]:
        name, flat = self._resolve(source)
        kind = flat.get("type")
        if not isinstance(kind, str):
            raise SchemaProblem(f"{path}: has no single type; use a model with one optional field for each choice")
        if not flat.get("description") and "[" not in path.rpartition(".")[2]:
            raise SchemaProblem(f"{path}: has no description; add one, it is the text of kubectl explain")
        result = {key: flat[key] for key in _KEPT if key in flat}
        result |= self._bounds(flat, kind, path)
        if self._defaults and not in_list and "default" in flat:
            result["default"] = flat["default"]
        if kind == "object":
            result |= self._object(flat, path, in_list=in_list)
            if name in ATOMIC:
                result["x-kubernetes-map-type"] = "atomic"
            if result.get("default") == {} and not _has_defaults(result):
                del result["default"]
        elif kind == "array":
            result |= self._array(flat, path)
        if "x-kubernetes-validations" in flat:
            result["x-kubernetes-validations"] = flat["x-kubernetes-validations"]
        return result

    def _resolve(self, source: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The name of the definition a schema refers to, and the schema with it merged in; the site's words win."""
        reference = source.get("$ref")
        if reference is None:
            return "", dict(source)
        name = str(reference).rpartition("/")[2]
        own = {key: value for key, value in source.items() if key != "$ref"}
        return name, {**self._definitions[name], **own}

    def _bounds(self, flat: Mapping[str, Any], kind: str, path: str) -> dict[str, Any]:
        if kind == "string" and not ({"enum", "maxLength"} & flat.keys()):
            raise SchemaProblem(f"{path}: has no longest length; add max_length")
        if kind == "array" and "maxItems" not in flat:
            raise SchemaProblem(f"{path}: has no longest length; add max_length to the list")
        return {"format": "int64"} if kind == "integer" else {}

    def _object(self, flat: Mapping[str, Any], path: str, *, in_list: bool) -> dict[str, Any]:
        values = flat.get("additionalProperties")
        if isinstance(values, Mapping):
            if "maxProperties" not in flat:
                raise SchemaProblem(f"{path}: has no most entries; add max_length to the dict")
            return {"additionalProperties": self._convert(values, f"{path}[*]", in_list=True)}
        properties = flat.get("properties", {})
        return {
            "properties": {
                key: self._convert(value, f"{path}.{key}", in_list=in_list) for key, value in properties.items()
            }
        }

    def _array(self, flat: Mapping[str, Any], path: str) -> dict[str, Any]:
        item, _ = self._resolve(flat["items"])
        result: dict[str, Any] = {"items": self._convert(flat["items"], f"{path}[*]", in_list=True)}
        if key := LIST_KEYS.get(item):
            return {**result, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
        return {**result, "x-kubernetes-list-type": "atomic"}


def _has_defaults(schema: Mapping[str, Any]) -> bool:
    """Whether an empty object of this schema would be filled with something."""
    return any("default" in child for child in schema.get("properties", {}).values())
