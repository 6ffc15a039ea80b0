"""What a sweep may delete, as a table, and the same through a real gateway."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store_gateway import Gateway
from tests.unit.runtime.artifact.packages import make_package

from slipway_runtime.artifact import publish
from slipway_runtime.artifact.retention import Inventory, Living, ObjectKey, PublishedRun, expendable, outdated, roots
from slipway_runtime.artifact.sweep import sweep, take_inventory
from slipway_runtime.run.context import RunContext
from slipway_runtime.run.result import ResultRecord, Retention
from slipway_runtime.storage.store import Entry
from slipway_runtime.storage.uri import Mounts, open_uri

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GRACE = timedelta(hours=24)
OLD = NOW - timedelta(days=9)
OWNER = ("team", "trainingjob", "digits")


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def entry(key: str, modified: datetime = OLD) -> Entry:
    return Entry(key, 1, modified)


def run(letter: str, day: int, *, history: int = 2, policy: str = "Retain") -> PublishedRun:
    return PublishedRun(OWNER, f"run-{letter}", digest(letter), OLD + timedelta(hours=day), history, policy)


def inventory(*runs: PublishedRun, extra: tuple[Entry, ...] = (), shared: str = "s") -> Inventory:
    """Each run has a result, a checkpoint, a manifest and two files, one of them common to all."""
    entries = [entry(f"blobs/{shared}")] if runs else []
    for one in runs:
        letter = one.run[-1]
        entries += [
            entry(f"{one.prefix}/result.json"),
            entry(f"{one.prefix}/checkpoints/1-10/state.bin"),
            entry(f"manifests/{letter * 64}"),
            entry(f"blobs/{letter}"),
        ]
    blobs_of = {one.digest: frozenset({shared, one.run[-1]}) for one in runs}
    return Inventory((*entries, *extra), runs, blobs_of, ())


def living(
    digests: frozenset[str] = frozenset(),
    *,
    exists: bool = True,
    wants: Retention | None = None,
    namespaces: frozenset[str] | None = None,
) -> Living:
    return Living({OWNER: wants} if exists else {}, digests, namespaces)


def deleted(held: Inventory, live: frozenset[str] = frozenset(), *, exists: bool = True) -> list[str]:
    return [found.key for found in expendable(held, living(live, exists=exists), NOW, GRACE)]


RUNS = (run("a", 1), run("b", 2), run("c", 3))
CHECKPOINTS = [f"{one.prefix}/checkpoints/1-10/state.bin" for one in RUNS]
A_GONE = [f"{RUNS[0].prefix}/result.json", *CHECKPOINTS, f"manifests/{'a' * 64}", "blobs/a"]


def test_beyond_history_goes_record_first_and_shared_files_stay() -> None:
    assert deleted(inventory(*RUNS)) == A_GONE


def test_live_digest_stays_whatever_its_age() -> None:
    assert deleted(inventory(*RUNS), frozenset({digest("a")})) == CHECKPOINTS


def test_object_gone_retains_all_by_default() -> None:
    assert deleted(inventory(*RUNS), exists=False) == CHECKPOINTS


def test_object_gone_with_delete_sweeps_all_but_live() -> None:
    runs = tuple(replace(one, deletion_policy="Delete") for one in RUNS)
    keys = deleted(inventory(*runs), frozenset({digest("b")}), exists=False)
    assert {f"manifests/{'a' * 64}", f"manifests/{'c' * 64}", "blobs/a", "blobs/c"} <= set(keys)
    assert not {f"{RUNS[1].prefix}/result.json", f"manifests/{'b' * 64}", "blobs/b", "blobs/s"} & set(keys)


def test_newest_record_decides_the_policy() -> None:
    runs = (replace(RUNS[0], deletion_policy="Delete"), RUNS[1], RUNS[2])
    assert deleted(inventory(*runs), exists=False) == CHECKPOINTS


def test_nothing_young_goes() -> None:
    held = inventory(*RUNS)
    young = Inventory(tuple(replace(e, modified=NOW) for e in held.entries), held.runs, held.blobs_of, ())
    assert deleted(young) == []


def test_young_record_keeps_its_manifest_and_files() -> None:
    held = inventory(*RUNS)
    entries = tuple(replace(e, modified=NOW) if e.key == f"{RUNS[0].prefix}/result.json" else e for e in held.entries)
    assert deleted(Inventory(entries, held.runs, held.blobs_of, ())) == CHECKPOINTS


def test_files_of_a_young_orphan_manifest_stay() -> None:
    held = inventory(*RUNS, extra=(entry(f"manifests/{'f' * 64}", NOW), entry("blobs/f")))
    known = Inventory(held.entries, held.runs, {**held.blobs_of, digest("f"): frozenset({"f"})}, ())
    assert "blobs/f" not in deleted(known)


def test_old_orphans_go() -> None:
    held = inventory(*RUNS[1:], extra=(entry(f"manifests/{'f' * 64}"), entry("blobs/f")))
    known = Inventory(held.entries, held.runs, {**held.blobs_of, digest("f"): frozenset({"f", "s"})}, ())
    assert deleted(known)[-2:] == [f"manifests/{'f' * 64}", "blobs/f"]


def test_unreadable_record_keeps_all_manifests_and_files() -> None:
    held = inventory(*RUNS)
    unreadable = "runs/team/trainingjob/other/r/result.json"
    keys = deleted(Inventory((*held.entries, entry(unreadable)), held.runs, held.blobs_of, (unreadable,)))
    assert keys == [f"{RUNS[0].prefix}/result.json", *CHECKPOINTS]


UNFINISHED = "runs/team/trainingjob/digits/run-x/checkpoints/1-10/state.bin"


@pytest.mark.parametrize(
    ("modified", "exists", "published", "goes"),
    [
        (OLD - timedelta(days=1), True, True, True),
        (OLD + timedelta(days=1), True, True, False),
        (OLD - timedelta(days=1), True, False, False),
        (OLD, False, False, True),
        (NOW, False, False, False),
    ],
    ids=["superseded", "newer than any result", "only run of its object", "object gone", "gone but young"],
)
def test_checkpoints_of_unpublished_runs(modified: datetime, *, exists: bool, published: bool, goes: bool) -> None:
    held = inventory(*(RUNS[1:] if published else ()), extra=(entry(UNFINISHED, modified),))
    assert (UNFINISHED in deleted(held, exists=exists)) is goes


def test_a_folder_with_a_young_part_stays_whole() -> None:
    young = UNFINISHED.replace("state", "more")
    held = inventory(extra=(entry(UNFINISHED), entry(young, NOW)))
    assert deleted(held, exists=False) == []


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_nothing_is_gone_from_a_namespace_that_is_not_seen(policy: str) -> None:
    runs = tuple(replace(one, deletion_policy=policy) for one in RUNS)
    held = inventory(*runs, extra=(entry("runs/team/trainingjob/other/run-x/checkpoints/1-10/state.bin"),))
    unseen = living(exists=False, namespaces=frozenset({"another"}))
    assert [found.key for found in expendable(held, unseen, NOW, GRACE)] == CHECKPOINTS


def test_a_spec_says_how_many_runs_are_kept_now() -> None:
    wants = living(wants=Retention(history=3))
    assert [found.key for found in expendable(inventory(*RUNS), wants, NOW, GRACE)] == CHECKPOINTS


@pytest.mark.parametrize(
    ("wants", "exists", "changed"),
    [
        (Retention(history=2, deletion_policy="Retain"), True, []),
        (Retention(history=2, deletion_policy="Delete"), True, ["run-c"]),
        (Retention(history=7, deletion_policy="Retain"), True, ["run-c"]),
        (None, True, []),
        (None, False, []),
    ],
    ids=["the same", "another policy", "another history", "a kind without settings", "object gone"],
)
def test_the_newest_record_follows_the_spec(wants: Retention | None, *, exists: bool, changed: list[str]) -> None:
    found = outdated(RUNS, living(wants=wants, exists=exists))
    assert [one.run for one, _ in found] == changed
    assert all(written == wants for _, written in found)


HEX = "0" * 64
RUN = "runs/team/trainingjob/digits/run-a"


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], ("",)),
        ([f"manifests/{HEX}", f"{RUN}/result.json", f"blobs/{HEX}"], ("",)),
        ([f"team/models/manifests/{HEX}"], ("", "team/models")),
        ([f"x/{RUN}/result.json", f"y/{RUN}/checkpoints/1-10/state.bin"], ("", "x", "y")),
        ([f"{RUN}/checkpoints/1-10/manifests/{HEX}"], ("",)),
        ([f"x/{RUN}/checkpoints/1-10/{RUN}/result.json"], ("", "x")),
        ([f"blobs/{HEX}", "data/blobs/x", "manifests/readme", "x/runs/of/mine/1"], ("",)),
    ],
    ids=["empty", "a store", "below", "two below", "inside checkpoints", "inside both", "others' keys"],
)
def test_stores_in_a_bucket(keys: list[str], found: tuple[str, ...]) -> None:
    assert roots(keys) == found


def test_sweep_of_a_real_store(store_gateway: Gateway, tmp_path: Path) -> None:
    store_gateway.bucket("sweep-test")
    credentials = store_gateway.credentials("s3://sweep-test")
    store = open_uri("s3://sweep-test", Mounts(store=credentials))
    digests = []
    for number in range(4):
        package = tmp_path / str(number)
        make_package(package, b"weights %d" % number)
        context = RunContext.from_env(
            {
                "SLIPWAY_STORE": str(credentials),
                "SLIPWAY_RUN": f"team/trainingjob/digits/run{number}",
                "SLIPWAY_RETENTION": '{"history": 1}',
            }
        )
        summary = context.publish(package, message="")
        assert summary.artifact is not None
        digests.append(summary.artifact.digest)
    make_package(tmp_path / "orphan", b"orphan")
    publish(tmp_path / "orphan", store)
    now = datetime.now(UTC)
    there: dict[ObjectKey, Retention | None] = {OWNER: Retention(history=1, deletion_policy="Delete")}
    exists = Living(there, frozenset({digests[0]}))
    hour = timedelta(hours=1)

    assert sweep(store, take_inventory(store), exists, now, hour).deleted == ()
    record = ResultRecord.model_validate_json(store.read(f"runs/{'/'.join(OWNER)}/run3/result.json"))
    assert (record.deletion_policy, record.digest) == ("Delete", digests[3])
    report = sweep(store, take_inventory(store), exists, now + 2 * hour, hour)

    left = take_inventory(store)
    assert set(left.blobs_of) == {digests[0], digests[3]}
    assert {one.run for one in left.runs} == {"run0", "run3"}
    # Each kept artifact has a file of its own and the one that all share.
    assert sum(found.key.startswith("blobs/") for found in left.entries) == 3
    assert len(report.deleted) == 2 + 3 + 3
    assert sweep(store, take_inventory(store), exists, now + 2 * hour, hour).deleted == ()
    # The object is deleted: its record still says what it wanted.
    sweep(store, take_inventory(store), Living({}, frozenset()), now + 2 * hour, hour)
    assert [found.key for found in store.list()] == []
