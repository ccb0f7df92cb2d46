"""Why episodes failed: from the simulator that saw it to every report, whoever played."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.results.events import Failure

ARGUMENTS = ("--robust-model=weak", "--robust-perturbation=camera", "--robust-ledger=l.sqlite", "--robust-json=r.json")
# Of strength 0.3: what weighs more than 0.6 is out of reach. Without a baseline all 60 tasks are played.
FAILED = "weak, camera: 24 of 42 failures never reached the target, 18 reached but did not grasp."


def cell(toy: pytest.Pytester) -> dict[str, object]:
    (found,) = json.loads((toy.path / "r.json").read_text())["cells"]
    return dict(found)


@pytest.mark.everywhere
def test_a_cell_says_how_its_episodes_failed(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")
    result = toy.runpytest(*ARGUMENTS, "--robust-baseline=none", "--robust-markdown=r.md", "--robust-html=r.html")
    result.stdout.fnmatch_lines([FAILED])
    assert cell(toy)["failures"] == {"never reached the target": 24, "reached but did not grasp": 18}
    assert cell(toy)["progress"] == pytest.approx((2 * 18 + 18) / 120)
    assert f"- {FAILED}" in (toy.path / "r.md").read_text()
    assert FAILED.partition(": ")[2].rstrip(".") in (toy.path / "r.html").read_text()
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        (audit,) = ledger.audits()
        records = [stored.record for stored in ledger.episodes(audit.id)]
    assert all((record.events is not None) and (record.failure is None) == record.success for record in records)


def test_a_failing_cell_tells_why_beside_its_failed_tasks(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")
    result = toy.runpytest(*ARGUMENTS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*  why       * never reached the target*% of subgoals reached", "*steps, * --robust-replay=*"]
    )


@pytest.mark.own_spread
def test_simulators_in_processes_of_their_own_tell_too(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")
    result = toy.runpytest(*ARGUMENTS, "--robust-baseline=none", "--robust-simulators=2")
    result.stdout.fnmatch_lines([FAILED])


def test_episodes_that_nobody_watched_are_unknown(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.runpytest(*ARGUMENTS, "--robust-baseline=none").stdout.no_fnmatch_line("*failures*")
    assert cell(toy)["failures"] == {"unknown": 42}
    assert cell(toy)["progress"] is None
    # What a run of today resumes may have been half played by an earlier release.
    with closing(sqlite3.connect(toy.path / "l.sqlite")) as database:
        assert not database.execute("SELECT count(*) FROM happened").fetchone()[0]
    assert Failure("unknown") is Failure.UNKNOWN
