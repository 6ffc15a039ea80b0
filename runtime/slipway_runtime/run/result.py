"""``result.json``: the record that makes a run published, once."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.summary import Digest, Summary

RESULT_FILE = "result.json"

Segment = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$", max_length=253)]


class Retention(SpecModel):
    """How long an object's artifacts are kept."""

    history: int = Field(5, ge=1, le=1000, description="Newest runs that are kept while the object exists.")
    deletion_policy: str = Field("Retain", pattern="^(Retain|Delete)$", description="What happens once it is gone.")


class RunKey(SpecModel):
    """Which run this is: object and hash of what its spec means."""

    namespace: Segment
    kind: Segment
    name: Segment
    run: Segment

    @classmethod
    def parse(cls, text: str) -> "RunKey":
        """Read ``<namespace>/<kind>/<name>/<run>``.

        Raises:
            ValueError: It is anything else.
        """
        parts = text.split("/")
        if len(parts) != len(cls.model_fields):
            raise ValueError(f"SLIPWAY_RUN is {text!r}: write <namespace>/<kind>/<name>/<run>")
        namespace, kind, name, run = parts
        return cls(namespace=namespace, kind=kind, name=name, run=run)

    @property
    def prefix(self) -> str:
        """Key of the run's folder in the store."""
        return f"runs/{self.namespace}/{self.kind}/{self.name}/{self.run}"

    @property
    def result_key(self) -> str:
        """Key of the run's ``result.json``."""
        return f"{self.prefix}/{RESULT_FILE}"


class ResultRecord(SpecModel):
    """How a published run ended, for a pod that comes later and for the sweep."""

    summary: Summary
    digest: Digest
    started_at: datetime
    finished_at: datetime
    uid: str = ""
    attempt: int = Field(1, ge=1)
    history: int = Field(5, ge=1)
    deletion_policy: str = "Retain"

    def to_json(self) -> bytes:
        """The stored bytes."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()
