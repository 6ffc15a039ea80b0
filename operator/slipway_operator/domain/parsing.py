"""From observed JSON to typed specs and statuses, at the edge of every decision."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from slipway_operator.domain.planning import RawObject

ModelT = TypeVar("ModelT", bound=BaseModel)

SHOWN_ERRORS = 3


class SpecInvalid(Exception):
    """A spec does not parse; the text names each wrong field, its value's fault and so the remedy."""


def read_spec(model: type[ModelT], found: RawObject) -> ModelT:
    """The typed spec. Fields that this version does not know are ignored.

    Raises:
        SpecInvalid: It does not parse; the text says where and why.
    """
    try:
        return model.model_validate(found.body.get("spec") or {}, extra="ignore")
    except ValidationError as error:
        raise SpecInvalid(_explain(error)) from error


def read_status(model: type[ModelT], found: RawObject) -> ModelT:
    """The typed status. What does not parse counts as absent: it is derived again, or it is lost."""
    raw = found.body.get("status")
    status: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
    try:
        return model.model_validate(status, extra="ignore")
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
    return model.model_validate({key: value for key, value in status.items() if key not in wrong}, extra="ignore")


def generation(found: RawObject) -> int:
    """Generation of the spec."""
    return int(_metadata(found).get("generation") or 0)


def deleting(found: RawObject) -> bool:
    """Whether the object is on its way out."""
    return bool(_metadata(found).get("deletionTimestamp"))


def _metadata(found: RawObject) -> Mapping[str, Any]:
    metadata = found.body.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _explain(error: ValidationError) -> str:
    errors = error.errors(include_url=False)
    shown = [f"{'.'.join(('spec', *map(str, one['loc'])))}: {one['msg']}" for one in errors[:SHOWN_ERRORS]]
    more = f" (and {len(errors) - SHOWN_ERRORS} more)" if len(errors) > SHOWN_ERRORS else ""
    return f"{'; '.join(shown)}{more}. Correct the spec."
