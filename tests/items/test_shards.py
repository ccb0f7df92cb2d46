"""Shares of a run, played apart, and what is joined of them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from toy import PREFLIGHT

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.home import network
from pytest_robustplus.ledger.schema import CHECKSUM, checksum

STEADY, CAMERA = "--robust-model=steady", "--robust-perturbation=camera"


def shard(toy: pytest.Pytester, index: int, count: int, *more: str) -> pytest.RunResult:
    ledger = f"--robust-ledger=s{index}.sqlite"
    return toy.runpytest(STEADY, CAMERA, f"--robust-shard={index}/{count}", ledger, *more)


def merge(toy: pytest.Pytester, *names: str, to: str = "joined.sqlite", more: tuple[str, ...] = ()) -> pytest.RunResult:
    return toy.runpytest("--robust-merge", *names, f"--robust-ledger={to}", CAMERA, *more)


def outcomes(path: Path) -> list[tuple[object, ...]]:
    """What counts of a ledger's episodes, apart from when and by whom they were played."""
    with Ledger.open(path) as ledger:
        return sorted(
            (a.key.dimension, e.position, e.record.task, e.record.success, e.record.state_hash)
            for a in {audit.id: audit for audit in ledger.audits()}.values()
            for e in ledger.episodes(a.id)
        )


def verdicts(path: Path) -> list[tuple[object, ...]]:
    with Ledger.open(path) as ledger:
        found = (a.conclusion for a in ledger.audits() if a.conclusion is not None)
        return [(c.outcome, c.played, c.successes, c.margin) for c in found]


def tamper(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path)
    database.create_function(CHECKSUM, -1, checksum, deterministic=True)
    with database:
        database.execute(statement, values)
    database.close()


def test_a_first_shard_has_a_page_without_a_past(toy: pytest.Pytester) -> None:
    result = shard(toy, 1, 2, "--robust-html=page.html", "--robust-json=run.json")
    result.assert_outcomes(skipped=1)
    told = "measured, share 1/2 of 60 tasks; --robust-merge joins the shares for a verdict"
    assert told in toy.path.joinpath("page.html").read_text()
    (cell,) = json.loads(toy.path.joinpath("run.json").read_text())["cells"]
    assert told in cell["notes"]


def test_joined_shards_give_the_verdicts_of_one_run(toy: pytest.Pytester) -> None:
    toy.runpytest(STEADY, CAMERA, "--robust-ledger=whole.sqlite").assert_outcomes(passed=1)
    for index, spread in (1, "-n0"), (2, "-n2"):
        result = shard(toy, index, 2, spread)
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines([f"*measured, share {index}/2 of 60 tasks; --robust-merge joins*"])
    result = merge(toy, "s1.sqlite", "s2.sqlite", more=(STEADY,))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["60 episodes of 2 ledgers joined into *joined.sqlite"])
    whole, joined = outcomes(toy.path / "whole.sqlite"), outcomes(toy.path / "joined.sqlite")
    assert len(joined) == 60
    assert set(whole) <= set(joined)
    assert verdicts(toy.path / "joined.sqlite") == verdicts(toy.path / "whole.sqlite")


def test_nothing_is_played_for_joined_ledgers_and_they_can_be_accepted(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.makepyfile(test_checks=PREFLIGHT)
    for index in (1, 2):
        shard(toy, index, 2).assert_outcomes(passed=1, skipped=2)
    monkeypatch.setattr("toy.ToySimulator.reset", lambda *_: pytest.fail("nobody may play"))
    result = merge(toy, "s1.sqlite", "s2.sqlite", more=(STEADY, "--robust-accept=a.toml", "--robust-baseline=none"))
    result.assert_outcomes(skipped=1)
    assert "n = 60, successes = 48" in toy.path.joinpath("a.toml").read_text()


def test_joining_again_changes_nothing_and_a_late_shard_completes(toy: pytest.Pytester) -> None:
    for index in (1, 2, 3):
        shard(toy, index, 3)
    result = merge(toy, "s1.sqlite", "s3.sqlite")
    result.stdout.fnmatch_lines(
        ["40 episodes of 2 ledgers*", "  steady-toy-camera: *of 40, 20 missing; verdicts rest on the first 1"]
    )
    # As the guide writes it: behind a = no shell makes files of a pattern.
    again = toy.runpytest("--robust-merge=s[13].sqlite", "--robust-ledger=joined.sqlite")
    again.stdout.fnmatch_lines(["0 episodes of 2 ledgers*"])
    result = merge(toy, "s1.sqlite", more=(STEADY,))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*hold 40 of 60 episodes, and without number 2 of the order*20 are*missing*"])
    result = merge(toy, "s2.sqlite", more=(STEADY,))
    result.stdout.fnmatch_lines(["20 episodes of 1 ledger*"])
    result.assert_outcomes(passed=1)
    assert len(outcomes(toy.path / "joined.sqlite")) == len(set(outcomes(toy.path / "joined.sqlite"))) == 60


def test_a_shard_resumes_and_a_run_of_its_ledger_plays_the_rest(toy: pytest.Pytester) -> None:
    shard(toy, 2, 4)
    again = shard(toy, 2, 4)
    again.stdout.fnmatch_lines(["*share 2/4 of 60*"])
    assert len(outcomes(toy.path / "s2.sqlite")) == 15
    toy.runpytest(STEADY, CAMERA, "--robust-ledger=s2.sqlite").assert_outcomes(passed=1)
    assert 15 < len(outcomes(toy.path / "s2.sqlite")) <= 60


def test_shares_without_a_task_are_skipped(toy: pytest.Pytester) -> None:
    result = shard(toy, 4, 4, "--robust-budget=3", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*share 4/4 has none of its tasks"])


def test_what_does_not_belong_together_is_refused_and_nothing_is_written(toy: pytest.Pytester) -> None:
    shard(toy, 1, 2)
    shard(toy, 2, 2)
    shard(toy, 3, 3, "--robust-protocol=prompt_source=bddl")
    toy.runpytest(STEADY, CAMERA, "--robust-shard=1/2", "--robust-ledger=twin.sqlite")
    cases = {
        "s3.sqlite": "*the protocol or the profile differs (prompt_source task_language and bddl)*",
        "twin.sqlite": "*number 1 of the order was played in s1.sqlite and in twin.sqlite*",
        "joined.sqlite": "*names a ledger twice, or the one that it writes, *",
        "none.sqlite": "*none.sqlite: there is no such ledger*",
    }
    for name, said in cases.items():
        result = merge(toy, "s1.sqlite", name)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([said])
    facts = '{"toy":"2.0"}'
    tamper(toy.path / "s2.sqlite", "PRAGMA foreign_keys = OFF")
    from pytest_robustplus.ledger.packing import digest

    tamper(toy.path / "s2.sqlite", "UPDATE provenance SET facts = ?, digest = ?", facts, digest(facts))
    tamper(toy.path / "s2.sqlite", "UPDATE episode SET provenance = ?", digest(facts))
    result = merge(toy, "s1.sqlite", "s2.sqlite")
    result.stderr.fnmatch_lines(["*toy is 1.0 in s1.sqlite and 2.0 in s2.sqlite*"])
    assert outcomes(toy.path / "joined.sqlite") == []


def test_another_order_or_other_tasks_are_refused(toy: pytest.Pytester) -> None:
    shard(toy, 1, 2)
    shard(toy, 2, 2)
    tamper(toy.path / "s2.sqlite", "UPDATE audit SET order_seed = 'another'")
    merge(toy, "s1.sqlite", "s2.sqlite").stderr.fnmatch_lines(["*they play in different orders*"])
    tamper(toy.path / "s2.sqlite", "UPDATE audit SET total = 59")
    merge(toy, "s1.sqlite", "s2.sqlite").stderr.fnmatch_lines(["*(60 and 59 tasks: assets? budget?)*"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--robust-shard=3/2",), "*must be i/N, such as 3/8*"),
        (("--robust-shard=1/2", "--robust-accept"), "*--robust-shard and --robust-accept do not go together*"),
        (("--robust-shard=1/2", "--robust-fresh"), "*--robust-shard and --robust-fresh do not go together*"),
        (("--robust-merge", "s1.sqlite", STEADY, "-n1"), "*plays nothing, so there is nothing to spread: say -n0*"),
    ],
)
def test_what_a_shard_cannot_answer_is_refused(toy: pytest.Pytester, options: tuple[str, ...], said: str) -> None:
    result = toy.runpytest(STEADY, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_a_file_system_that_machines_share_is_known_by_its_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        f"30 22 0:41 / {tmp_path}/home rw shared:9 - nfs4 server:/home rw,vers=4.2\n"
        f"31 30 8:1 / {tmp_path}/home/scratch rw - xfs /dev/sdb rw\n"
        f"32 22 0:50 / {tmp_path}/my\\040lab rw - fuse.sshfs host:/ rw\n"
    )
    assert network(tmp_path / "home" / "me", mounts) == "nfs4"
    assert network(tmp_path / "home" / "scratch" / "x", mounts) is None
    assert network(tmp_path / "my lab", mounts) == "fuse.sshfs"
    assert network(tmp_path, mounts) is None
    assert network(tmp_path, tmp_path / "absent") is None


def test_a_shard_is_refused_a_ledger_on_such_and_a_run_is_warned(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_robustplus.session.session.network", lambda _: "nfs4")
    result = shard(toy, 1, 2, "-n0")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*(nfs4), across which SQLite's locks do not*--robust-ledger=$TMPDIR/*"])
    toy.runpytest(STEADY, CAMERA, "-n0").stdout.fnmatch_lines(["*UserWarning: The ledger *machines share (nfs4)*"])
