"""Building blocks that every spec model shares."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class SpecModel(BaseModel):
    """Frozen model that writes camelCase and refuses unknown fields.

    ``python_name`` fields read and write as ``pythonName``, the spelling of Kubernetes manifests.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_alias=True, validate_by_name=True
    )


Decimal = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,12})?$", max_length=26)]
"""A decimal number as a string: manifests carry no floats, because clients round them differently."""

PositiveDecimal = Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$", max_length=25)]
"""A decimal number of at least zero, as a string."""

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
"""A Kubernetes object's name (RFC 1035 label)."""

MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=63)]
"""The name of a metric, such as ``accuracy`` or ``rmse``."""
