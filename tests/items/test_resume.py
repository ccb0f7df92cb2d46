"""A run that dies costs its unfinished episode and nothing else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.schema import CHECKSUM, checksum

pytestmark = pytest.mark.own_spread


def test_a_killed_run_resumes_without_replaying(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_SECONDS", "0.05")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    ledger_path = toy.path / "l.sqlite"
    arguments = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments], cwd=toy.path, stdout=subprocess.DEVNULL, start_new_session=True
    )
    _wait_for_episodes(ledger_path, 5, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with Ledger.open(ledger_path, create=False) as ledger:
        (audit,) = ledger.audits()
        before = [(e.id, e.position) for e in ledger.episodes(audit.id)]
    result = toy.runpytest(*arguments)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*resumed*"])
    with Ledger.open(ledger_path, create=False) as ledger:
        after = [(e.id, e.position) for e in ledger.episodes(audit.id)]
    assert after[: len(before)] == before
    assert [position for _, position in after] == list(range(len(after)))


def test_what_an_interrupted_run_decided_is_not_played_again(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in its second cell, the same command takes the first from the ledger, says so, and plays it if told to."""
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    arguments = ["-v", "--robust-model=steady", "--robust-perturbation=camera,noise", "--robust-ledger=l.sqlite"]
    command = [sys.executable, "-m", "pytest", *arguments]
    process = subprocess.Popen(command, cwd=toy.path, stdout=subprocess.DEVNULL, start_new_session=True)

    def second_begun(ledger: Ledger) -> bool:
        return len(ledger.audits()) == 2 and len(ledger.prefix(ledger.audits()[1].id)) >= 2

    _wait(toy.path / "l.sqlite", second_begun, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    monkeypatch.setenv("TOY_SECONDS", "0")
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        camera = ledger.audits()[0]
        assert camera.conclusion is not None
        before = len(ledger.episodes(camera.id))
    said = subprocess.run(command, cwd=toy.path, capture_output=True, text=True, check=True).stdout
    assert "steady, camera: decided in the interrupted run of 20" in said
    assert "steady, noise: decided" not in said
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert len(ledger.episodes(camera.id)) == before
        assert len({audit.id for audit in ledger.audits()}) == 2
    # A run that came to its end is history: the same command asks anew.
    again = subprocess.run(command, cwd=toy.path, capture_output=True, text=True, check=True).stdout
    assert "decided in the interrupted run" not in again
    assert "second run of this checkpoint on these tasks; before: 1 PASS" in again


def test_what_a_run_that_still_goes_on_has_decided_is_taken_and_said_so(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command twice at once on one ledger: together they play each episode once."""
    arguments = ["--robust-model=steady", "--robust-perturbation=camera,noise"]
    toy.runpytest(*arguments, "--robust-ledger=before.sqlite", "-n0").assert_outcomes(passed=2)
    with Ledger.open(toy.path / "before.sqlite", create=False) as ledger:
        (begins,) = (e.record.task for e in ledger.episodes(ledger.audits()[1].id) if e.position == 0)
    # The first run stays in the first episode of its second cell until the second run has played another.
    (toy.path / "deaths").write_text(f"1 {begins} gate")
    gate = toy.path / "gate"
    monkeypatch.setenv("TOY_GATE", str(gate))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    command = [sys.executable, "-m", "pytest", *arguments, "--robust-ledger=l.sqlite"]
    environment = os.environ | {"TOY_DEATHS": str(toy.path / "deaths")}
    process = subprocess.Popen(command, cwd=toy.path, stdout=subprocess.DEVNULL, env=environment)
    _wait(toy.path / "l.sqlite", lambda ledger: len(ledger.audits()) == 2, process)
    second = subprocess.Popen(command, cwd=toy.path, stdout=subprocess.PIPE, text=True)
    _wait(toy.path / "l.sqlite", lambda ledger: bool(ledger.outcomes(ledger.audits()[1].id)), second)
    gate.touch()
    said, _ = second.communicate()
    assert (second.returncode, process.wait()) == (0, 0)
    assert "steady, camera: decided at 20" in said
    assert "by a run of the same command that is still running; --robust-fresh plays it anew" in said
    assert "interrupted" not in said
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert len({audit.id for audit in ledger.audits()}) == 2


def test_fresh_plays_what_an_interrupted_run_decided(toy: pytest.Pytester) -> None:
    arguments = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
    toy.runpytest(*arguments, "--basetemp=one").assert_outcomes(passed=1)
    with sqlite3.connect(toy.path / "l.sqlite") as database:
        database.create_function(CHECKSUM, -1, checksum)
        database.execute("UPDATE run SET ended = NULL, exitstatus = NULL")
    toy.runpytest(*arguments, "--basetemp=one", "--robust-fresh").assert_outcomes(passed=1)
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert len({audit.id for audit in ledger.audits()}) == 2


def test_a_decided_cell_is_played_anew(toy: pytest.Pytester) -> None:
    arguments = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
    toy.runpytest(*arguments).assert_outcomes(passed=1)
    toy.runpytest(*arguments).assert_outcomes(passed=1)
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert len({audit.id for audit in ledger.audits()}) == 2


def _wait_for_episodes(path: Path, wanted: int, process: subprocess.Popen[Any]) -> None:
    _wait(path, lambda ledger: any(len(ledger.prefix(audit.id)) >= wanted for audit in ledger.audits()), process)


def _wait(path: Path, seen: Callable[[Ledger], bool], process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            with Ledger.open(path, create=False, verify=False) as ledger:
                if seen(ledger):
                    return
        time.sleep(0.02)
    raise AssertionError("the run did not get there in time")
