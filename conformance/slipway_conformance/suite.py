"""All cases in their order, and a run of them."""

import http.client
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from slipway_conformance.case import Case, Level
from slipway_conformance.cases import binary, compressed, described, errors, grpc, infer, repository, v1
from slipway_conformance.models import NAMES
from slipway_conformance.server import NotOffered, Server

CASES: tuple[Case, ...] = tuple(
    case
    for group in (
        described.HEALTH,
        described.METADATA,
        infer.INFER,
        errors.ERRORS,
        binary.BINARY,
        errors.BINARY_ERRORS,
        compressed.COMPRESSED,
        infer.CLASSIFY,
        described.CONFIG,
        described.STATISTICS,
        described.INDEX,
        repository.REPOSITORY,
        v1.V1,
        grpc.GRPC,
    )
    for case in group.cases
)


class Outcome(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A case's outcome; ``binding``: this server must pass it. ``found`` says what was wrong, or why it was skipped."""

    case: Case
    outcome: Outcome
    binding: bool
    found: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the suite is to run."""

    groups: frozenset[str]
    """Empty: all of them."""
    models: frozenset[str] | None
    """None: those that the server says are ready."""
    strict: bool
    """Every case binds."""
    reload: bool
    """Unload and load a model, too."""


def run(server: Server, choice: Choice, cases: Iterable[Case] = CASES) -> Iterator[Result]:
    """Try the chosen cases, one after the other.

    Raises:
        OSError: nobody listens at the server's address.
    """
    extensions = _extensions(server)
    served = choice.models if choice.models is not None else _served(server)
    for case in cases:
        if choice.groups and case.group not in choice.groups:
            continue
        binding = choice.strict or case.level is Level.REQUIRED or case.extension in extensions
        reason = _reason_to_skip(case, server, choice, served)
        if reason:
            yield Result(case, Outcome.SKIPPED, binding, reason)
        else:
            yield _tried(case, server, binding=binding)


def _tried(case: Case, server: Server, *, binding: bool) -> Result:
    try:
        case.check(server)
    except NotOffered as reason:
        return Result(case, Outcome.SKIPPED, binding, str(reason))
    except Exception as error:  # noqa: BLE001 - an answer of another form fails a case in as many ways as there are forms
        found = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return Result(case, Outcome.FAILED, binding, found or repr(error))
    return Result(case, Outcome.PASSED, binding)


def _reason_to_skip(case: Case, server: Server, choice: Choice, served: frozenset[str]) -> str:
    if absent := [name for name in case.models if name not in served]:
        return f"not served: {', '.join(absent)}"
    if case.group == "repository" and not choice.reload:
        return "it unloads a model; --reload runs it"
    if case.group == "grpc":
        return grpc.unavailable(server)
    return ""


def _extensions(server: Server) -> frozenset[str]:
    """Extensions that the metadata name; none where there are no metadata, which is a case of its own."""
    try:
        told = server.get("/v2").json()["extensions"]
    except (AssertionError, KeyError, TypeError, http.client.HTTPException):
        return frozenset()
    return frozenset(str(extension) for extension in told)


def _served(server: Server) -> frozenset[str]:
    return frozenset(name for name in NAMES if server.get(f"/v2/models/{name}/ready").status == http.client.OK)
