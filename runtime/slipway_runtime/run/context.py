"""A run's surroundings, read once from the environment, and the way its result gets out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError

from slipway_runtime.artifact.publish import copy_package, publish
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.result import ResultRecord, Retention, RunKey
from slipway_runtime.run.termination import clip, termination_log
from slipway_runtime.spec.base import SpecModel
from slipway_runtime.spec.summary import ArtifactRef, Outcome, Report, Summary
from slipway_runtime.storage.errors import ObjectExists, ObjectMissing
from slipway_runtime.storage.store import Store
from slipway_runtime.storage.uri import Mounts, open_uri

SpecT = TypeVar("SpecT", bound=SpecModel)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class RunContext:
    """What a program knows about its run.

    In a pod ``key`` is set and results go to the content-addressed store at ``output``. From a shell ``key`` is None
    and ``output`` is a directory or plain URI that receives the package by file name.
    """

    output: str | None = None
    key: RunKey | None = None
    attempt: int = 1
    uid: str = ""
    retention: Retention = field(default_factory=Retention)
    mounts: Mounts = field(default_factory=Mounts)
    spec_json: str | None = None
    source: str | None = None
    source_secret: str | None = None
    """Mounted Secret to read the source with; the store's own credentials when None."""
    termination_log: Path | None = None
    clock: Callable[[], datetime] = _now
    started_at: datetime = field(default_factory=_now)

    @classmethod
    def from_env(
        cls, env: Mapping[str, str], *, output: str | None = None, clock: Callable[[], datetime] = _now
    ) -> Self:
        """Read the ``SLIPWAY_*`` variables. ``output`` is a shell's ``--output`` and wins.

        Raises:
            ConfigError: A variable does not read; the text names it.
            CredentialsRefused: ``SLIPWAY_STORE`` names no directory.
        """
        mounts = Mounts.from_env(env)
        try:
            key = RunKey.parse(env["SLIPWAY_RUN"]) if env.get("SLIPWAY_RUN") else None
            attempt = int(env.get("SLIPWAY_ATTEMPT") or "1")
            retention = Retention.model_validate_json(env.get("SLIPWAY_RETENTION") or "{}")
        except ValueError as error:
            raise ConfigError(f"SLIPWAY_RUN, SLIPWAY_ATTEMPT or SLIPWAY_RETENTION does not read: {error}") from error
        return cls(
            output=output or env.get("SLIPWAY_OUTPUT") or (mounts.credentials().uri if mounts.store else None),
            key=key,
            attempt=attempt,
            uid=env.get("SLIPWAY_UID", ""),
            retention=retention,
            mounts=mounts,
            spec_json=env.get("SLIPWAY_SPEC") or None,
            source=env.get("SLIPWAY_SOURCE") or None,
            source_secret=env.get("SLIPWAY_SOURCE_SECRET") or None,
            termination_log=termination_log(env),
            clock=clock,
            started_at=clock(),
        )

    def parse_spec(self, model: type[SpecT]) -> SpecT:
        """The spec in ``SLIPWAY_SPEC``.

        Raises:
            ConfigError: It is absent or not valid; the text names the first wrong field.
        """
        if self.spec_json is None:
            raise ConfigError("SLIPWAY_SPEC is not set: give --spec FILE")
        try:
            return model.model_validate_json(self.spec_json)
        except ValidationError as error:
            raise ConfigError(explain_validation("SLIPWAY_SPEC", error)) from error

    def store(self) -> Store:
        """The store, or plain root, that this run writes to.

        Raises:
            ConfigError: No output is known.
        """
        if not self.output:
            raise ConfigError("no output: give --output DIR or URI (in a pod: SLIPWAY_OUTPUT or SLIPWAY_STORE's uri)")
        return open_uri(self.output, self.mounts, create=True)

    def existing_result(self) -> ResultRecord | None:
        """What an earlier attempt of this run published, if one did; always None from a shell."""
        if self.key is None:
            return None
        return self._read_result(self.store())

    def publish(self, package: Path, *, message: str, report: Report | None = None) -> Summary:
        """Publish a package as this run's result: files, then manifest, then ``result.json`` by conditional create.

        If another attempt was faster its summary is returned, so that one run has one result.

        Raises:
            ArtifactError, StoreError: Nothing was published.
        """
        store = self.store()
        if self.key is None:
            return self._summary(copy_package(package, store), message, report)
        summary = self._summary(publish(package, store), message, report)
        assert summary.artifact is not None  # noqa: S101 - _summary puts it there
        record = ResultRecord(
            summary=summary,
            digest=summary.artifact.digest,
            started_at=self.started_at,
            finished_at=self.clock(),
            uid=self.uid,
            attempt=self.attempt,
            history=self.retention.history,
            deletion_policy=self.retention.deletion_policy,
        )
        try:
            store.create(self.key.result_key, record.to_json())
        except ObjectExists:
            winner = self._read_result(store)
            return winner.summary if winner else summary
        return summary

    def _read_result(self, store: Store) -> ResultRecord | None:
        assert self.key is not None  # noqa: S101 - both callers check
        try:
            content = store.read(self.key.result_key)
        except ObjectMissing:
            return None
        try:
            return ResultRecord.model_validate_json(content)
        except ValidationError as error:
            raise ConfigError(
                f"{store.locate(self.key.result_key)} does not read as a result "
                f"({error.error_count()} errors): delete that object and set spec.rerun to run again"
            ) from error

    @staticmethod
    def _summary(artifact: ArtifactRef, message: str, report: Report | None) -> Summary:
        return Summary(outcome=Outcome.PUBLISHED, message=clip(message), artifact=artifact, report=report)


def explain_validation(source: str, error: ValidationError) -> str:
    """The first wrong fields of a spec, each with what is wrong, in one line."""
    shown = [
        f"{'.'.join(str(part) for part in item['loc']) or 'spec'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()[:3]
    ]
    more = error.error_count() - len(shown)
    return f"{source} is not valid: " + "; ".join(shown) + (f" (and {more} more)" if more > 0 else "")
