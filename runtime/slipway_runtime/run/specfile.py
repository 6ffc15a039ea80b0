"""Specs from files, for people at a shell: the same YAML that Kubernetes gets."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import ValidationError

from slipway_runtime.run.context import explain_validation
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.base import SpecModel

_log = logging.getLogger(__name__)

SpecT = TypeVar("SpecT", bound=SpecModel)

KUBERNETES_ONLY = frozenset(
    {
        "deletionPolicy",
        "failurePolicy",
        "gpus",
        "history",
        "nodes",
        "output",
        "podTemplate",
        "processesPerNode",
        "replicas",
        "rerun",
        "resources",
        "suspend",
        "ttlSecondsAfterFinished",
    }
)
"""Keys of an object's spec that say how Kubernetes runs it, and mean nothing to a program."""


@dataclass(frozen=True)
class SpecFile(Generic[SpecT]):
    """A spec read from a file.

    Attributes:
        spec: The validated spec.
        name: The object's name, if the file held a whole object.
        source_uri: What ``source.uri`` says, if anything.
    """

    spec: SpecT
    name: str | None
    source_uri: str | None


def read_spec(path: Path, model: type[SpecT], *, kind: str, source_given: bool = False) -> SpecFile[SpecT]:
    """Read a whole object or only its ``spec`` from a YAML or JSON file.

    Keys that only Kubernetes understands are left out, with one log line that names them.

    Args:
        path: The file.
        model: What the spec must be.
        kind: The object's kind, such as ``TrainingJob``.
        source_given: Whether ``--source`` was given, so that a reference in the file does not matter.

    Raises:
        ConfigError: The file does not read, is of another kind, is not valid, or holds a reference (``from``) that
            only a cluster can resolve.
    """
    try:
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: does not read as YAML ({' '.join(str(error).split())}); check --spec") from error
    chosen = _choose(documents, kind, path)
    is_object = "spec" in chosen and ("kind" in chosen or "apiVersion" in chosen or set(chosen) == {"spec"})
    content = chosen["spec"] if is_object else chosen
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: spec is not a mapping; write the fields of {kind}.spec below it")
    metadata = chosen.get("metadata") if is_object else None
    return _parse(dict(content), path, model, name=_name(metadata), source_given=source_given)


def _choose(documents: list[Any], kind: str, path: Path) -> Mapping[str, Any]:
    mappings = [document for document in documents if isinstance(document, Mapping)]
    of_kind = [document for document in mappings if document.get("kind", kind) == kind]
    if len(of_kind) != 1:
        kinds = ", ".join(str(document.get("kind", "no kind")) for document in mappings) or "nothing"
        raise ConfigError(f"{path}: holds {kinds}; give a file with exactly one {kind}, or with its spec alone")
    return of_kind[0]


def _name(metadata: object) -> str | None:
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else None


def _parse(
    content: dict[str, Any], path: Path, model: type[SpecT], *, name: str | None, source_given: bool
) -> SpecFile[SpecT]:
    source = content.pop("source", None)
    ignored = sorted(KUBERNETES_ONLY & content.keys())
    for key in ignored:
        del content[key]
    if ignored:
        _log.info("keys that only mean something on Kubernetes are ignored", extra={"keys": ", ".join(ignored)})
    if not source_given and isinstance(source, Mapping) and "from" in source:
        raise ConfigError(f"{path}: source.from names an object of a cluster; give --source URI, or set source.uri")
    if reference := _find_reference(content, ""):
        raise ConfigError(f"{path}: {reference}.from names an object of a cluster; set {reference}.uri instead")
    try:
        spec = model.model_validate(content)
    except ValidationError as error:
        raise ConfigError(explain_validation(str(path), error)) from error
    uri = source.get("uri") if isinstance(source, Mapping) else None
    return SpecFile(spec=spec, name=name, source_uri=uri if isinstance(uri, str) else None)


def _find_reference(value: object, where: str) -> str | None:
    if isinstance(value, Mapping):
        if "from" in value:
            return where or "spec"
        found = (_find_reference(child, f"{where}.{key}".lstrip(".")) for key, child in value.items())
    elif isinstance(value, list):
        found = (_find_reference(child, f"{where}[{index}]") for index, child in enumerate(value))
    else:
        return None
    return next((place for place in found if place), None)
