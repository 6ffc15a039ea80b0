from pathlib import Path

import pytest

from slipway_runtime.run.errors import ConfigError
from slipway_runtime.run.specfile import read_spec
from slipway_runtime.spec.compress import CompressSpec

SPEC = """
passes: [{quantize: {scheme: int8-dynamic}}]
evaluation: {dataset: {uri: builtin://iris}}
"""


def as_object(extra: str = "", kind: str = "CompressionJob") -> str:
    indented = "".join(f"  {line}\n" for line in (SPEC + extra).splitlines())
    return f"apiVersion: slipway.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: small}}\nspec:\n{indented}"


def read(tmp_path: Path, text: str, *, source_given: bool = False) -> tuple[CompressSpec, str | None, str | None]:
    path = tmp_path / "job.yaml"
    path.write_text(text)
    found = read_spec(path, CompressSpec, kind="CompressionJob", source_given=source_given)
    return found.spec, found.name, found.source_uri


def test_spec_and_object_mean_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, SPEC)[0] == read(tmp_path, as_object())[0]
    assert read(tmp_path, as_object())[1] == "small"


def test_one_of_several_documents(tmp_path: Path) -> None:
    text = as_object() + "---\n" + as_object(kind="TrainingJob")
    assert read(tmp_path, text)[1] == "small"


def test_source_uri_is_handed_over(tmp_path: Path) -> None:
    assert read(tmp_path, as_object("source: {uri: 's3://b/m.onnx'}"))[2] == "s3://b/m.onnx"


def test_kubernetes_keys_are_ignored_with_one_notice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    read(tmp_path, as_object("gpus: 1\nsuspend: true\nhistory: 3"))
    assert [record.__dict__["keys"] for record in caplog.records] == ["gpus, history, suspend"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (as_object("source: {from: {kind: TrainingJob, name: x}}"), "give --source URI"),
        (
            SPEC.replace("{uri: builtin://iris}", "{from: {kind: ModelService}}"),
            "evaluation.dataset.from names an object",
        ),
        (as_object(kind="TrainingJob"), "holds TrainingJob; give a file with exactly one CompressionJob"),
        (as_object() + "---\n" + as_object(), "exactly one CompressionJob"),
        ("", "holds nothing"),
        ("a: [", "does not read as YAML"),
        (SPEC + "gate: {metrics: [{name: accuracy, maxDrop: 0.01}]}", "gate.metrics.0.maxDrop"),
        (SPEC + "typo: 1", "typo: Extra inputs are not permitted"),
        ("kind: CompressionJob\nspec: 3", "spec is not a mapping"),
    ],
)
def test_errors_say_what_to_do(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_reference_does_not_matter_when_the_source_is_given(tmp_path: Path) -> None:
    text = as_object("source: {from: {kind: TrainingJob, name: x}}")
    assert read(tmp_path, text, source_given=True)[1] == "small"


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="check --spec"):
        read_spec(tmp_path / "absent", CompressSpec, kind="CompressionJob")
