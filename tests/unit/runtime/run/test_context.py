from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store_gateway import Gateway
from tests.unit.runtime.artifact.packages import make_package

from slipway_runtime.artifact import ArtifactCorrupt, read_package
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.errors import ConfigError, GateRefused, Preempted, RetryLater
from slipway_runtime.run.program import describe, run_program
from slipway_runtime.run.result import Retention, RunKey
from slipway_runtime.spec.compress import CompressSpec
from slipway_runtime.spec.summary import Outcome, Summary
from slipway_runtime.storage.errors import BucketMissing, StoreUnavailable

RUN = "team/trainingjob/digits/abc"


def test_env_contract(store_gateway: Gateway) -> None:
    credentials = store_gateway.credentials("s3://context-test")
    found = RunContext.from_env(
        {
            "SLIPWAY_STORE": str(credentials),
            "SLIPWAY_RUN": RUN,
            "SLIPWAY_ATTEMPT": "3",
            "SLIPWAY_UID": "u-1",
            "SLIPWAY_RETENTION": '{"history": 2, "deletionPolicy": "Delete"}',
            "SLIPWAY_SOURCE": "s3://other/manifests/1",
            "SLIPWAY_SOURCE_SECRET": "theirs",
        },
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert found.output == "s3://context-test"
    assert found.key == RunKey(namespace="team", kind="trainingjob", name="digits", run="abc")
    assert found.key.result_key == f"runs/{RUN}/result.json"
    assert (found.attempt, found.uid, found.source) == (3, "u-1", "s3://other/manifests/1")
    assert found.source_secret == "theirs"
    assert found.retention == Retention(history=2, deletion_policy="Delete")
    assert found.started_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_output_of_the_object_wins_over_the_store_and_a_shell_over_both(store_gateway: Gateway) -> None:
    env = {"SLIPWAY_STORE": str(store_gateway.credentials("s3://a-store")), "SLIPWAY_OUTPUT": "s3://b-store"}
    assert RunContext.from_env(env).output == "s3://b-store"
    assert RunContext.from_env(env, output="here").output == "here"


@pytest.mark.parametrize(
    "env",
    [
        {"SLIPWAY_RUN": "a/b/c"},
        {"SLIPWAY_RUN": "a/b/../c"},
        {"SLIPWAY_ATTEMPT": "one"},
        {"SLIPWAY_RETENTION": '{"history": 0}'},
        {"SLIPWAY_RETENTION": "nope"},
    ],
)
def test_unreadable_env_is_a_config_error(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="SLIPWAY_RUN, SLIPWAY_ATTEMPT or SLIPWAY_RETENTION"):
        RunContext.from_env(env)


def test_spec_names_the_wrong_field() -> None:
    context = RunContext(spec_json='{"passes": [{"quantize": {"scheme": "int4"}}], "evaluation": {}}')
    with pytest.raises(ConfigError, match=r"passes\.0\.quantize\.scheme: .*evaluation\.dataset: Field required"):
        context.parse_spec(CompressSpec)


def test_absent_spec_and_output_name_the_option() -> None:
    with pytest.raises(ConfigError, match="--spec"):
        RunContext().parse_spec(CompressSpec)
    with pytest.raises(ConfigError, match="--output"):
        RunContext().store()


def test_shell_writes_a_package_by_name(tmp_path: Path) -> None:
    manifest = make_package(tmp_path / "package")
    context = RunContext.from_env({}, output=str(tmp_path / "out"))
    summary = context.publish(tmp_path / "package", message="done")
    assert summary.artifact is not None
    assert summary.artifact.digest == manifest.digest
    assert read_package(tmp_path / "out") == manifest
    assert context.existing_result() is None


def test_result_is_found_by_a_later_attempt_which_does_nothing(store_gateway: Gateway, tmp_path: Path) -> None:
    store_gateway.bucket("context-test")
    make_package(tmp_path / "package")
    env = {
        "SLIPWAY_STORE": str(store_gateway.credentials("s3://context-test")),
        "SLIPWAY_RUN": RUN,
        "SLIPWAY_TERMINATION_LOG": str(tmp_path / "last"),
    }
    assert run_program(lambda context: context.publish(tmp_path / "package", message="done"), env) == 0
    first = (tmp_path / "last").read_text()

    def never(_: RunContext) -> Summary:
        raise AssertionError("a published run is not done again")

    assert run_program(never, {**env, "SLIPWAY_ATTEMPT": "2"}) == 0
    assert (tmp_path / "last").read_text() == first
    assert Summary.model_validate_json(first).message == "done"


def test_result_that_does_not_read_says_what_to_do(store_gateway: Gateway) -> None:
    bucket = store_gateway.bucket("context-test")
    (bucket / "runs" / RUN).mkdir(parents=True)
    (bucket / "runs" / RUN / "result.json").write_bytes(b"{")
    env = {"SLIPWAY_STORE": str(store_gateway.credentials("s3://context-test")), "SLIPWAY_RUN": RUN}
    with pytest.raises(ConfigError, match=r"result\.json does not read .*delete that object and set spec\.rerun"):
        RunContext.from_env(env).existing_result()


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (ConfigError("dataset.uri"), Outcome.CONFIG_ERROR, 64),
        (GateRefused("accuracy"), Outcome.GATE_REFUSED, 65),
        (RetryLater("later"), Outcome.RETRY, 75),
        (Preempted("saved"), Outcome.PREEMPTED, 76),
        (StoreUnavailable("s3://b", "down", "wait"), Outcome.RETRY, 75),
        (BucketMissing("s3://b", "gone", "create it"), Outcome.CONFIG_ERROR, 64),
        (ArtifactCorrupt("s3://b", "bad", "again"), Outcome.CONFIG_ERROR, 64),
        (ZeroDivisionError("oops"), Outcome.CRASHED, 1),
    ],
)
def test_endings(error: Exception, outcome: Outcome, code: int, tmp_path: Path) -> None:
    def body(_: RunContext) -> Summary:
        raise error

    assert describe(error)[1] == code
    assert run_program(body, {"SLIPWAY_TERMINATION_LOG": str(tmp_path / "last")}) == code
    last = Summary.model_validate_json((tmp_path / "last").read_bytes())
    assert last.outcome is outcome
    assert str(error) in last.message


def test_a_wrong_store_still_leaves_last_words(tmp_path: Path) -> None:
    env = {"SLIPWAY_STORE": str(tmp_path / "absent"), "SLIPWAY_TERMINATION_LOG": str(tmp_path / "last")}
    assert run_program(lambda _: Summary(outcome=Outcome.PUBLISHED), env) == 64
    assert "mount a Secret" in (tmp_path / "last").read_text()
