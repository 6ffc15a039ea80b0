"""CompressionJob: from a published model to a smaller, faster one that is still good."""

from pydantic import Field

from slipway_operator.api.job import JobSpec, JobStatus
from slipway_operator.api.meta import ModelSource
from slipway_runtime.spec.compress import CompressSpec
from slipway_runtime.spec.summary import Digest, Report


class CompressionJobSpec(JobSpec, CompressSpec):
    """What to compress, how, and what must still hold."""

    source: ModelSource = Field(description="The model to compress.")


class CompressionJobStatus(JobStatus):
    """What is observed of a CompressionJob."""

    source: Digest | None = Field(None, description="Artifact that the active run compresses.")
    source_uri: str | None = Field(None, max_length=1200, description="Where that artifact's manifest is.")
    report: Report | None = Field(None, description="Measured before and after.")
