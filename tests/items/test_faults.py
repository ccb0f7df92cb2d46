"""Whatever dies, nothing finished is lost or counted twice, and no fault passes for a failed episode."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
from toy import COMPARISON, SEARCHES, SUITE

import pytest_robustplus.reporting
from pytest_robustplus.ledger import Ledger, StoredEpisode

pytestmark = pytest.mark.own_spread

ARGUMENTS = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
TIMEOUT_S = 240.0
SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())


@pytest.fixture
def slow(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The toy project, an episode taking a tenth of a second."""
    monkeypatch.setenv("TOY_SECONDS", "0.03")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1] / "support"), *filter(None, sys.path)])
    )
    return toy


def start(toy: pytest.Pytester, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *ARGUMENTS, *arguments],
        cwd=toy.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that starts us in the background lets us ignore Ctrl-C, and whatever we start with us.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def end(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=TIMEOUT_S)
    return said


def episodes(toy: pytest.Pytester) -> list[StoredEpisode]:
    """Read what is recorded, and see that every position has one outcome at most."""
    path = toy.path / "l.sqlite"
    if not path.exists():
        return []
    with Ledger.open(path, create=False) as ledger:
        found = [e for audit in sorted({a.id for a in ledger.audits()}) for e in ledger.episodes(audit)]
    scored = [(e.audit, e.position) for e in found if e.record.success is not None]
    assert len(scored) == len(set(scored))
    return found


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"did not happen in time:\n{end(process)}")


def players(toy: pytest.Pytester) -> list[int]:
    """Process ids of the workers that hold a claim."""
    ledger = Ledger.open(toy.path / "l.sqlite", create=False, verify=False)
    with ledger, ledger._connection.reading("looking for workers") as database:
        rows = database.execute("SELECT DISTINCT pid FROM worker JOIN claim USING (worker)").fetchall()
    return [pid for (pid,) in rows]


def left_behind(toy: pytest.Pytester) -> list[str]:
    """Command lines of processes that still work in the project's folder, workers and simulators alike."""
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("cwd").readlink() == toy.path and process.name != str(os.getpid()):
                left.append(process.joinpath("cmdline").read_text())
    return left


def test_a_killed_worker_costs_its_episode_and_nothing_else(slow: pytest.Pytester) -> None:
    process = start(slow, "-n2")
    wait_for(lambda: len(episodes(slow)) >= 4 and bool(players(slow)), process)
    os.kill(players(slow)[0], signal.SIGKILL)
    said = end(process)
    assert process.returncode == pytest.ExitCode.OK, said
    # Whether the lead or its helper held the claim is chance.
    assert "1 passed" in said
    assert "1 rerun" in said or "1 crashed" in said or "cost the episodes at hand" in said
    (audit,) = {episode.audit for episode in episodes(slow)}
    with Ledger.open(slow.path / "l.sqlite", create=False) as ledger:
        stored = ledger.audit(audit)
        assert stored.conclusion is not None
        assert stored.conclusion.outcome == "pass"
        assert len(ledger.prefix(audit)) >= stored.conclusion.played


def test_an_episode_that_kills_every_worker_ends_as_an_error(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaths = tmp_path / "deaths"
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    toy.runpytest(*ARGUMENTS).assert_outcomes(passed=1)
    fatal = episodes(toy)[8].record.task
    before = len(episodes(toy))
    deaths.write_text(f"99 {fatal} SIGKILL")
    result = toy.runpytest(*ARGUMENTS, "-n2")
    assert deaths.read_text() == f"97 {fatal} SIGKILL", "it was retried once, whoever played it"
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    errors = [e.record.error for e in episodes(toy) if e.record.success is None]
    assert errors == [f"The worker that played {fatal} died."] * 2
    deaths.write_text(f"0 {fatal} SIGKILL")
    after = toy.runpytest(*ARGUMENTS)
    after.assert_outcomes(passed=1)
    after.stdout.fnmatch_lines(["*resumed from an earlier run*"])
    assert len([e for e in episodes(toy) if e.record.success is not None]) > before


@pytest.mark.parametrize("spread", ["-n0", "-n2"])
def test_an_interrupted_run_says_what_it_has_and_resumes(slow: pytest.Pytester, spread: str) -> None:
    process = start(slow, spread)
    wait_for(lambda: len(episodes(slow)) >= 4, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process at once
    said = end(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "KeyboardInterrupt" in said
    before = [(e.id, e.record.task) for e in episodes(slow)]
    result = slow.runpytest(*ARGUMENTS)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*resumed from an earlier run*"])
    assert set(before) <= {(e.id, e.record.task) for e in episodes(slow)}
    with Ledger.open(slow.path / "l.sqlite", create=False) as ledger:
        assert [run.exitstatus for run in ledger.runs()] == [2, 0]


def test_ctrl_c_twice_with_workers_leaves_files_that_name_what_is_open(
    slow: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.makepyfile(test_suite=SUITE + COMPARISON + SEARCHES)
    with (slow.path / "conftest.py").open("a") as file:
        # The second comes before anything is written, to the controller as to its workers.
        file.write(
            """
import os, signal, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    os.kill(os.getpid(), signal.SIGINT)
"""
        )
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    written = [f"--robust-{kind}=out.{kind}" for kind in ("json", "html", "markdown")]
    lasting = "--robust-alpha-pass=1e-9"
    process = start(
        slow, "-n2", "--robust-perturbation=camera,noise", "--robust-compare=steady:weak", lasting, *written
    )
    wait_for(lambda: len({episode.audit for episode in episodes(slow)}) >= 3, process)
    before = {(e.audit, e.id, e.record.task) for e in episodes(slow)}
    os.killpg(process.pid, signal.SIGINT)
    said = end(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert said.count("written: ") == len(written)
    assert said.count("Ctrl-C once more stops that, too.") == 1
    assert "ended before an answer: 2 cells (steady-toy-camera, steady-toy-noise); 2 comparisons (" in said
    document = json.loads((slow.path / "out.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert {one["kind"] for one in document["unanswered"]} == {"cell", "comparison", "frontier", "fuzz"}
    with Ledger.open(slow.path / "l.sqlite", create=False) as ledger:
        (run,) = ledger.runs()
    assert (run.exitstatus, document["run"]["id"]) == (2, run.run)
    assert '<p class="headline">Ended before an answer: 2 cells (' in (slow.path / "out.html").read_text()
    assert "ended before an answer: 2 cells (" in (slow.path / "out.markdown").read_text()
    assert before <= {(e.audit, e.id, e.record.task) for e in episodes(slow)}
    deadline = time.monotonic() + TIMEOUT_S
    while left_behind(slow) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left_behind(slow)


def test_two_runs_share_a_ledger(slow: pytest.Pytester) -> None:
    first = start(slow)
    wait_for(lambda: len(episodes(slow)) >= 1, first)
    second = start(slow)
    for process in (first, second):
        said = end(process)
        assert process.returncode == pytest.ExitCode.OK, said
    found = episodes(slow)
    with Ledger.open(slow.path / "l.sqlite", create=False) as ledger:
        verdicts = {(a.id, a.conclusion and a.conclusion.outcome, a.conclusion and a.conclusion.played) for a in
                    ledger.audits()}  # fmt: skip
        assert len(ledger.runs()) == 2
    assert len(verdicts) == len({e.audit for e in found})


def test_kills_at_any_time_lose_nothing(slow: pytest.Pytester) -> None:
    """A few kills of the whole run; the ledger's own tests do sixty on a writer."""
    generator = random.Random(4)
    before: list[tuple[int, int, str]] = []
    for _ in range(3):
        process = start(slow, "-n2", "--robust-alpha-pass=0.0001")
        known = len(before)
        wait_for(lambda known=known: len(episodes(slow)) > known, process)  # type: ignore[misc]
        time.sleep(generator.uniform(0, 0.5))
        os.killpg(process.pid, signal.SIGKILL)
        end(process)
        after = [(e.audit, e.id, e.record.task) for e in episodes(slow)]
        assert set(before) <= set(after)
        before = after
    slow.runpytest(*ARGUMENTS, "--robust-alpha-pass=0.0001").assert_outcomes(passed=1)
    assert set(before) <= {(e.audit, e.id, e.record.task) for e in episodes(slow)}


def test_a_full_disk_is_an_error_and_loses_nothing(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Ledger.open

    def small(path: Path, *, create: bool = True, verify: bool = True) -> Ledger:
        ledger = opened(path, create=create, verify=verify)
        with ledger._connection.reading("limiting") as database:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            database.execute(f"PRAGMA max_page_count = {pages}")
        return ledger

    with monkeypatch.context() as full:
        full.setattr(Ledger, "open", small)
        # A verdict that needs more episodes than a page holds.
        result = toy.runpytest_inprocess(*ARGUMENTS, "--robust-alpha-pass=1e-9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the disk is full*Everything recorded before is kept*"])
    before = [(e.id, e.position) for e in episodes(toy)]
    assert before
    toy.runpytest(*ARGUMENTS, "--robust-alpha-pass=1e-9").assert_outcomes(passed=1)
    assert [(e.id, e.position) for e in episodes(toy)][: len(before)] == before


@pytest.mark.parametrize(("how", "said"), [("SIGSEGV", "SIGSEGV"), ("hang", "was still running after 2")])
def test_in_a_pool_an_episode_that_ruins_its_simulator_is_retried_once(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, said: str
) -> None:
    deaths = tmp_path / "deaths"
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    monkeypatch.setenv("PYTHONFAULTHANDLER", "")
    first = "left/camera_0"
    pool = ["--robust-simulators=2", "--robust-episode-limit=2", "--robust-baseline=none", "--robust-budget=60"]
    deaths.write_text(f"1 {first} {how}")
    toy.runpytest(*ARGUMENTS, *pool).assert_outcomes(skipped=1)
    (faulty,) = [e.record for e in episodes(toy) if e.record.success is None]
    assert faulty.task == first
    assert said in str(faulty.error)
    assert len(episodes(toy)) == 61
    deaths.write_text(f"99 {first} {how}")
    result = toy.runpytest(*ARGUMENTS, *pool)
    result.assert_outcomes(errors=1)
    assert deaths.read_text() == f"97 {first} {how}"
    result.stdout.fnmatch_lines([f"*{first}*{said}*"])


def test_a_policy_with_one_memory_is_refused_by_a_pool(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toy.Steady.remembers_one", True, raising=False)
    result = toy.runpytest_inprocess(*ARGUMENTS, "--robust-simulators=2")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--robust-simulators=2: the policy of Steady keeps one episode at a time*"])


def test_ctrl_c_for_the_controller_alone_ends_its_workers_and_resumes(
    slow: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting = "--robust-alpha-pass=0.0001"
    # xdist lets workers go on for five seconds; the cell takes longer.
    monkeypatch.setenv("TOY_SECONDS", "0.3")
    process = start(slow, "-n2", "--robust-simulators=2", lasting)
    wait_for(lambda: len(episodes(slow)) >= 4, process)
    assert left_behind(slow)
    process.send_signal(signal.SIGINT)
    said = end(process)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "KeyboardInterrupt" in said
    assert "robustness: Toy Table" in said or "no tests ran in" in said
    assert not left_behind(slow)
    before = [(e.id, e.record.task) for e in episodes(slow)]
    monkeypatch.setenv("TOY_SECONDS", "0")
    result = slow.runpytest(*ARGUMENTS, lasting)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*resumed from an earlier run*"])
    assert set(before) <= {(e.id, e.record.task) for e in episodes(slow)}
    with Ledger.open(slow.path / "l.sqlite", create=False) as ledger:
        assert [run.exitstatus for run in ledger.runs()] == [2, 0]


def test_an_episode_that_hangs_is_retried_once_and_ends_as_an_error(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_SECONDS", "30")
    result = toy.runpytest(*ARGUMENTS, "--robust-episode-limit=0.2")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*was still running after 0.2 s*--robust-episode-limit=SECONDS*"])
    assert [episode.record.success for episode in episodes(toy)] == [None, None]
