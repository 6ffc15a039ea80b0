"""One conversion, from a URI to a published artifact."""

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway_runtime.artifact.manifest import Lineage, Signature, SourceLineage
from slipway_runtime.artifact.onnxfile import MODEL_FILE, read_signature
from slipway_runtime.artifact.package import write_package
from slipway_runtime.convert.conversion import Array, Converted, Request, one_line
from slipway_runtime.convert.detect import Found, check_permission, recognise
from slipway_runtime.convert.once import already_there, conversion_key, recall, remember
from slipway_runtime.convert.origin import bring, bring_file, digest_of
from slipway_runtime.convert.parity import check_labels, check_parity
from slipway_runtime.convert.registry import converter_of, versions_of
from slipway_runtime.convert.samples import FREE_SIZES, Hints, fit_samples, make_samples, read_samples
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError
from slipway_runtime.spec.convert import ConvertSpec
from slipway_runtime.spec.summary import Outcome, Summary

_log = logging.getLogger(__name__)

_SHAPE = 2


@dataclass(frozen=True)
class Given:
    """Sample arrays of the user."""

    arrays: Mapping[str, Array]
    shown: str
    digest: str


def convert_model(context: RunContext, source: str, spec: ConvertSpec, *, secret_name: str | None = None) -> Summary:
    """Bring, recognise, convert, compare and publish; or find that all of it was done before.

    Raises:
        ConfigError: The source cannot be converted; the text says what it is and what to do.
        ConversionMismatch: ONNX answers otherwise than the source.
        ArtifactError, StoreError: It cannot be read or published.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-convert-") as folder:
        scratch, package = Path(folder) / "scratch", Path(folder) / "package"
        scratch.mkdir()
        origin = bring(source, scratch / "source", context.mounts, secret_name=secret_name)
        found = recognise(origin.path, source, spec.format)
        check_permission(found, source, allow_pickle=spec.allow_pickle)
        given = _bring_samples(context, spec, scratch / "samples", secret_name)
        versions = versions_of(found.format)
        key = conversion_key(origin.digest, found.format, spec, given.digest if given else None, versions)
        _log.info("source", extra={"source": source, "format": found.format.value, "found": found.evidence})
        if context.key is None and (there := already_there(context, key)) is not None:
            return Summary(outcome=Outcome.PUBLISHED, message=f"{source} was converted before", artifact=there)
        if context.key is not None and recall(context, key, package) is not None:
            return context.publish(package, message=f"{source} was converted before")
        package.mkdir()
        request = Request(origin.path, source, package, scratch, spec, given.arrays if given else None)
        converted = _convert(found, request)
        signature = read_signature(package / MODEL_FILE, source)
        proof = _compare(converted, signature, request, given)
        manifest = write_package(
            package,
            name=origin.name,
            task=converted.task,
            signature=signature,
            classes=_classes(converted, signature, request),
            lineage=Lineage(
                source=SourceLineage(
                    uri=source[:1024], digest=origin.digest, format=found.format.value, conversion=key
                ),
                versions=versions,
            ),
        )
        _log.info("converted", extra={"model": manifest.name, "task": manifest.task.value, "digest": manifest.digest})
        what = f"converted {manifest.name} ({manifest.task.value}) from {found.format.value}"
        summary = context.publish(package, message=f"{what}: {proof}{_note(signature)}")
        if context.key is not None:
            remember(context, key, manifest.digest)
        return summary


def _bring_samples(context: RunContext, spec: ConvertSpec, folder: Path, secret_name: str | None) -> Given | None:
    if spec.samples is None:
        return None
    uri = spec.samples.uri
    path = bring_file(uri, folder, context.mounts, secret_name=spec.samples.secret_name or secret_name)
    return Given(read_samples(path, uri), uri, digest_of(path, uri))


def _convert(found: Found, request: Request) -> Converted:
    try:
        return converter_of(found.format)(request)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{request.shown}: {found.format.value} needs {error.name!r}, which is not installed; run it in the "
            "convert image, or pip install 'slipway[convert]'"
        ) from error


def _compare(converted: Converted, signature: Signature, request: Request, given: Given | None) -> str:
    """Run source and graph on the same examples; returns what to say of it."""
    feeds, exported = _run(converted, signature, request, given)
    rows = max(len(array) for array in feeds.values())
    if converted.answer is None:
        return f"runs on {rows} examples"
    classes = converted.classes or request.spec.classes
    try:
        answers = converted.answer(feeds)
        labels = converted.labels(feeds) if converted.labels is not None else None
    except Exception as error:
        # The source's own library refuses: it raises anything.
        where = given.shown if given is not None else request.shown
        raise ConfigError(f"{where}: the source model refuses the examples ({one_line(error)})") from error
    largest = check_parity(signature.outputs, answers, exported, classes)
    if labels is not None:
        check_labels(labels, exported[0], classes)
    kind = "given" if given is not None else "made-up"
    return f"largest difference to the source {largest:.2g} on {rows} {kind} examples"


def _run(
    converted: Converted, signature: Signature, request: Request, given: Given | None
) -> tuple[Mapping[str, Array], list[Array]]:
    """Examples that the graph accepts, and its answers."""
    session = _session(request.package / MODEL_FILE)
    names = [output.name for output in signature.outputs]
    if given is not None:
        feeds = fit_samples(dict(given.arrays), signature, given.shown)
        try:
            return feeds, session.run(names, feeds)
        except Exception as error:
            # onnxruntime's errors share no base class below Exception.
            raise ConfigError(f"{given.shown}: the model refuses these examples ({one_line(error)})") from error
    refusal: Exception | None = None
    for size in FREE_SIZES:
        feeds = make_samples(signature, Hints.of(converted), size)
        try:
            answers = session.run(names, feeds)
            if converted.answer is not None:
                converted.answer(feeds)
        except Exception as error:  # noqa: BLE001 - another size may be what it wants; the last refusal is told
            refusal = error
            continue
        return feeds, answers
    assert refusal is not None  # noqa: S101 - the loop has at least one turn
    raise ConfigError(
        f"{request.shown}: refuses every made-up example ({one_line(refusal)}); give samples that it accepts"
    ) from refusal


def _session(path: Path) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _note(signature: Signature) -> str:
    fixed = next((spec.shape[0] for spec in signature.inputs if spec.shape[:1] and spec.shape[0] != -1), None)
    return "" if fixed is None else f"; it takes exactly {fixed} rows at once: save it with a free batch size"


def _classes(converted: Converted, signature: Signature, request: Request) -> tuple[str, ...]:
    named = request.spec.classes
    if not named:
        return converted.classes
    first = signature.outputs[0]
    if len(first.shape) != _SHAPE or first.shape[1] not in {-1, len(named)}:
        raise ConfigError(
            f"{request.shown}: {len(named)} classes are named, output {first.name} has shape {list(first.shape)}; "
            "correct classes"
        )
    return named
