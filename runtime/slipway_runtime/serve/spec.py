"""``--spec``: the spec of a ModelService, read by the process that serves it."""

from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from slipway_runtime.serve.errors import ConfigInvalid
from slipway_runtime.serve.source import ModelSource
from slipway_runtime.spec.base import Name, SpecModel
from slipway_runtime.spec.convert import ConvertSpec, wants_conversion

_KUBERNETES_ONLY = frozenset({"replicas", "podTemplate"})
_UNNAMED = "model"


class _Model(ConvertSpec):
    uri: str = Field(max_length=1024)
    secret_name: Name | None = None


class _Metadata(SpecModel):
    model_config = ConfigDict(extra="ignore")

    name: Name


class ServeSpec(SpecModel):
    """What of a ModelService's spec matters to the serving process."""

    model: _Model


def read_spec(path: Path) -> tuple[ModelSource, tuple[str, ...]]:
    """The model that a manifest asks for, and the keys that were ignored: they only mean something on Kubernetes.

    The file holds a whole ModelService, or just its ``spec``; the model is served under the object's name.

    Raises:
        ConfigInvalid: no such file, no YAML, an unknown field, or ``from`` where a URI is wanted.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigInvalid(f"--spec {path}: cannot be read as YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigInvalid(f"--spec {path}: a ModelService, or its spec, was expected")
    whole = "kind" in document or "spec" in document
    if whole and document.get("kind", "ModelService") != "ModelService":
        raise ConfigInvalid(f"--spec {path}: kind is {document['kind']!r}, a ModelService was expected")
    return _parse(document.get("spec") if whole else document, _name(document, path) if whole else _UNNAMED, path)


def _parse(spec: Any, name: str, path: Path) -> tuple[ModelSource, tuple[str, ...]]:
    if not isinstance(spec, dict):
        raise ConfigInvalid(f"--spec {path}: spec must be an object")
    ignored = tuple(sorted(_KUBERNETES_ONLY & spec.keys()))
    kept = {key: value for key, value in spec.items() if key not in _KUBERNETES_ONLY}
    model = kept.get("model")
    if isinstance(model, dict) and "from" in model:
        raise ConfigInvalid(
            f"--spec {path}: spec.model.from needs Kubernetes; write spec.model.uri, or use --model NAME=DIR"
        )
    try:
        parsed = ServeSpec.model_validate(kept)
    except ValidationError as error:
        raise ConfigInvalid(f"--spec {path}: {_first(error, 'spec')}") from error
    model = parsed.model
    if wants_conversion(model.uri, ConvertSpec(**{key: getattr(model, key) for key in ConvertSpec.model_fields})):
        raise ConfigInvalid(
            f"--spec {path}: {model.uri} must be converted first: run slipway-convert on it, and serve what that writes"
        )
    return ModelSource(name, model.uri, model.secret_name), ignored


def _name(document: dict[str, Any], path: Path) -> str:
    try:
        return _Metadata.model_validate(document.get("metadata")).name
    except ValidationError as error:
        raise ConfigInvalid(f"--spec {path}: {_first(error, 'metadata')}") from error


def _first(error: ValidationError, root: str) -> str:
    first = error.errors()[0]
    return f"{'.'.join((root, *map(str, first['loc'])))}: {first['msg']}"
