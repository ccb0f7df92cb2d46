"""What a running cell shows: one line, in place on a terminal, gone once the cell is decided."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from _pytest._io import TerminalWriter
from toy import COMPARISON

from pytest_robustplus.ledger import GENERATED, AuditKey, EpisodeRecord, Ledger, compared
from pytest_robustplus.options import ALL, Budget, _budget
from pytest_robustplus.reporting.live import Overview
from pytest_robustplus.reporting.outlook import Bound, bounds, forecast
from pytest_robustplus.reporting.progress import Pace
from pytest_robustplus.reporting.screen import KEPT, Screen
from pytest_robustplus.results.cell import Conclusion
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.session.session import Session, session_of
from pytest_robustplus.statistics.order import ranked


@pytest.mark.parametrize("spread", [["-p", "no:xdist"], ["-n0"], ["-n2"]], ids=" ".join)
def test_each_running_cell_has_a_line(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, spread: list[str]) -> None:
    monkeypatch.setattr("pytest_robustplus.reporting.progress.PLAIN_EVERY_S", 0.02)
    monkeypatch.setenv("TOY_SECONDS", "0.004")
    options = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-baseline=none", *spread]
    line = r"steady-toy-camera: [\d.]+ % \[[\d.]+, [\d.]+\] after \d+, ≤\d+ episodes left, ≤\d+ s$"
    toy.runpytest_inprocess(*options).stdout.re_match_lines([line])
    toy.runpytest_inprocess(*options, "--robust-progress=off").stdout.no_fnmatch_line("*episodes left*")


@pytest.mark.parametrize("columns", [60, 140])
def test_lines_are_as_wide_as_the_terminal(toy: pytest.Pytester, columns: int) -> None:
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    mine = "a_model_whose_name_is_long_enough_for_it"
    toy.makepyprojecttoml(f'[tool.robustplus.model.{mine}]\nlike = "steady"\nprofile.toy = {{}}\n')
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    options = [f"--robust-model={mine}", "--robust-perturbation=camera", "--robust-baseline=none", "-p", "no:xdist"]
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "CI")}
    environment |= {"TOY_SECONDS": "0.004", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "pytest", *options]
    with subprocess.Popen(command, cwd=toy.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b""
        # On Linux reading fails once the other end is closed.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 4096):
                said += part
    os.close(ours)
    lines = [line for line in re.split(r"[\r\n]|\x1b\[\S", said.decode()) if line.startswith(f"{mine}-toy-camera: ")]
    assert lines, said.decode()
    longest = max(lines, key=len)
    assert len(longest) == columns - 1 if columns == 60 else re.search("episodes left, ≤.* s$", longest), longest


def test_a_first_episode_that_takes_long_has_a_line_in_every_cell(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that plays by itself nothing is drawn while an episode is under way."""
    monkeypatch.setattr("pytest_robustplus.reporting.progress.PLAIN_EVERY_S", 0.0)
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    result = toy.runpytest_inprocess("--robust-model=steady", "--robust-baseline=none", "--robust-budget=1", "-n0")
    for dimension in ("camera", "noise"):
        result.stdout.fnmatch_lines([f"steady-toy-{dimension}: its first episode is being played, ≤1 left"])


def test_time_left_counts_from_what_was_resumed() -> None:
    pace = Pace()
    assert pace.line("camera", 0, 0, 300, (0.0, 1.0), 0.0) == "camera: its first episode is being played, ≤300 left"
    assert pace.line("noise", 100, 75, 300, (0.7, 0.8), 0.0).endswith("after 100, ≤200 episodes left")
    assert pace.line("noise", 110, 85, 300, (0.7, 0.8), 10.0) == (
        "noise: 77.3 % [70.0, 80.0] after 110, ≤190 episodes left, ≤3 min 10 s"
    )


def test_a_cell_that_waits_for_its_lead_says_so(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        audit = ledger.open_audit(KEY, run="run", total=20, order_seed="seed").id
        shown = overview({})
        ledger.claim(audit, "gw1", block=2, total=20, stale_s=60)
        ledger.record(audit, 0, played())
        assert shown.lines(ledger)[0].endswith("after 1, ≤19 episodes left")
        ledger.record(audit, 1, played())
        assert shown.lines(ledger) == ["steady-toy-camera: 100.0 % after 2, nobody plays it now"]


def test_a_cell_with_a_budget_bounds_no_rate_of_a_list_whose_length_nobody_knows(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        audit = ledger.open_audit(KEY, run="run", total=20, order_seed="seed").id
        ledger.claim(audit, "gw1", block=20, total=20, stale_s=60)
        for position in range(19):
            ledger.record(audit, position, played())
        said = "steady-toy-camera: 100.0 %{} after 19, ≤1 episode left"
        assert overview({}).lines(ledger) == [said.format(" [95.0, 100.0]")]
        assert overview({}, budget=Budget(20)).lines(ledger) == [said.format("")]


def test_a_comparison_with_a_budget_says_what_is_left_of_that(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_robustplus.reporting.progress.PLAIN_EVERY_S", 0.0)
    toy.makepyfile(test_suite=COMPARISON)
    compared = ["--robust-compare=steady:weak", "--robust-budget=8,noise=12", "--robust-margin=0", "-n0"]
    ran = toy.runpytest_inprocess(*compared)
    for dimension, most in ("camera", 16), ("noise", 24):
        told = [line for line in ran.outlines if line.startswith(f"toy-{dimension}: ")]
        left = [int(found[1]) for line in told if (found := re.search(r"≤(\d+)", line))]
        assert left, ran.outlines
        assert left[0] <= most
        assert left == sorted(left, reverse=True)


def test_what_a_comparison_has_left_counts_what_its_first_tasks_have_known(tmp_path: Path) -> None:
    """Tasks beyond the budget, and outcomes of the cells of the same run, are not of them by themselves."""
    nodes = {
        "a": Identity("steady", "toy", "cell", "noise"),
        "b": Identity("steady-vs-weak", "toy", "comparison", "noise"),
    }
    order = [LISTED[place] for place in ranked(LISTED, "seed")]
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        cell = ledger.open_audit(replace(KEY, dimension="noise"), run="run", total=20, order_seed="other").id
        # Two of the comparison's first eight, three of the rest.
        for position, task in enumerate(order[6:11]):
            ledger.record(cell, position, played(task))
        shown = overview(nodes, (), lambda item: 20 if item.kind == "cell" else 16, _budget("8"))
        assert "0 of 2 items over, ≤31 episodes left" in shown.lines(ledger)[-1]
        sides = [
            ledger.open_audit(
                replace(KEY, model=model, dimension="noise", population=compared(order)),
                run="run", total=20, order_seed="seed",
            ).id
            for model in ("steady", "weak")
        ]  # fmt: skip
        first = "toy-noise: the first episodes of steady and weak are being played, ≤14 left"
        assert shown.lines(ledger)[1:] == [first, "whole run: 0 of 2 items over, ≤29 episodes left"]
        for side in sides:
            ledger.record(side, 0, played(order[0], success=side == sides[0]))
        said, whole = shown.lines(ledger)[1:]
        assert "steady 100.0 %, weak 0.0 % of 1 task, ≤12 episodes left" in said
        assert "≤27 episodes left" in whole


def test_what_is_left_of_a_cell_counts_its_second_run(tmp_path: Path) -> None:
    nodes = {"a": Identity("steady", "toy", "cell", "noise"), "b": Identity("steady", "toy", "cell", "camera")}
    order = [LISTED[place] for place in ranked(LISTED, "seed")]
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        key = replace(KEY, dimension="noise")
        cell = ledger.open_audit(key, run="run", total=8, order_seed="other").id
        shown = overview(nodes, ("b",), lambda item: 8 + 10, _budget("8"), repeat=5)
        assert "≤18 episodes left" in shown.lines(ledger)[-1]
        for position, task in enumerate(order[:8]):
            ledger.record(cell, position, played(task))
        ledger.close_audit(cell, Conclusion(outcome="measured", played=8, successes=8, low=0.5, high=1.0))
        assert "≤10 episodes left" in shown.lines(ledger)[-1]
        for model in ("steady", "steady_again"):
            side = replace(key, model=model, population=compared(order[:5]))
            ledger.open_audit(side, run="run", total=5, order_seed="seed")
        assert "≤5 episodes left" in shown.lines(ledger)[-1]


def test_the_whole_run_says_what_is_left_of_cells_comparisons_and_searches(tmp_path: Path) -> None:
    nodes = {
        "a": Identity("steady", "toy", "cell", "camera"),
        "b": Identity("steady", "toy", "cell", "noise"),
        "c": Identity("steady", "toy", "fuzz", "camera"),
        "d": Identity("steady-vs-weak", "toy", "comparison", "noise"),
        "e": Identity("steady", "toy", "check", "scales"),
    }
    most = {"cell": 20, "fuzz": 260, "comparison": 40}
    over: set[str] = set()
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        audit = ledger.open_audit(KEY, run="run", total=20, order_seed="seed").id
        points = [
            ledger.open_audit(
                replace(KEY, dimension=GENERATED, population=p), run="run", total=100_000, order_seed="s"
            ).id
            for p in ("p", "q")
        ]
        shown = overview(nodes, over, lambda item: most[item.kind])
        assert shown.lines(ledger) == [
            "steady-toy-camera: its first episode is being played, ≤20 left",
            "steady-toy: 0 episodes under 2 generated perturbations",
            "whole run: 0 of 4 items over, ≤340 episodes left",
        ]
        ledger.claim(audit, "gw1", block=2, total=20, stale_s=60)
        ledger.record(audit, 0, played())
        began = "whole run: 0 of 4 items over, ≤339 episodes left, ≤"
        assert shown.lines(ledger)[-1].startswith(began)
        for position in range(3):
            ledger.record(points[0], position, played())
        assert "≤336 episodes left" in shown.lines(ledger)[-1]
        over |= {"b", "c"}
        assert "2 of 4 items over, ≤59 episodes left" in shown.lines(ledger)[1]
        # Sides of a comparison share its line.
        sides = [
            replace(KEY, model=model, dimension="noise", population="comparison:x") for model in ("steady", "weak")
        ]
        audits = [ledger.open_audit(side, run="run", total=20, order_seed="seed").id for side in sides]
        assert "toy-noise: the first episodes of steady and weak are being played, ≤40 left" in shown.lines(ledger)
        for position, (one, other) in enumerate([(True, False), (True, True)]):
            ledger.record(audits[0], position, played(f"task {position}", success=one))
            ledger.record(audits[1], position, played(f"task {position}", success=other))
        lines = shown.lines(ledger)
        assert lines[1].startswith("toy-noise: steady 100.0 %, weak 50.0 % of 2 tasks, ≤36 episodes left, ≤")
        assert "≤55 episodes left" in lines[-1]
        # Who nobody has a bound for is not summed up.
        assert overview(nodes, over).lines(ledger)[-1] == "whole run: 2 of 4 items over"


LISTED = [f"task {number}" for number in range(20)]
KEY = AuditKey("steady", "toy", "camera", "checkpoint", "protocol", "population")


def overview(
    items: Mapping[str, Identity],
    over: Collection[str] = (),
    bound: Bound = lambda item: None,
    budget: Budget | None = None,
    **settings: object,
) -> Overview:
    chosen = SimpleNamespace(**{"ablations": (), "budget": budget, "repeat": None, **settings})
    session = SimpleNamespace(run="run", settings=chosen, share=ALL, fleet=str)
    return Overview(cast("Session", session), lambda: items, lambda: over, bound, lambda *_: LISTED)


@pytest.mark.parametrize("spread", [["-p", "no:xdist"], ["-n2"]], ids=" ".join)
def test_what_a_run_takes_is_said_before_it_begins(toy: pytest.Pytester, spread: list[str]) -> None:
    suite = "\n\n@pytest.mark.robustness('toy')\ndef test_fuzz(fuzz):\n    fuzz.holds()\n"
    (toy.path / "test_suite.py").write_text((toy.path / "test_suite.py").read_text() + suite)
    options = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-budget=10", *spread]
    first = toy.runpytest_inprocess(*options)
    first.stdout.fnmatch_lines([
        "1 cell and 1 search: 30 episodes at most; how long those take shows once some are played: the ledger has none"
        " of steady"
    ])  # fmt: skip
    then = toy.runpytest_inprocess(*options)
    beside = " over 2 simulators" if "-n2" in spread else ""
    then.stdout.re_match_lines([
        rf"1 cell and 1 search: 30 episodes at most, some \d+ s{beside} if they are like the latest in the ledger"
        r" \([\d.e-]+ s each of steady\)"
    ])  # fmt: skip
    # Workers take seconds to start; in what a controller says itself all three are alike.
    for quiet in ("-q",) if "-n2" in spread else ("-q", "--robust-progress=off", "--collect-only"):
        toy.runpytest_inprocess(*options, quiet).stdout.no_fnmatch_line("*episodes at most*")
    # Other tests are run as ever, to the blank line.
    toy.makepyfile(test_other="def test_other():\n    pass")
    other = toy.runpytest_inprocess("test_other.py", "-p", "no:xdist").outlines
    assert other[other.index("collected 1 item") + 1 :][:2] == ["", "test_other.py .".ljust(73) + "[100%]"]


def test_what_a_run_takes_on_a_cluster_is_said_before_its_simulators_are_counted(toy: pytest.Pytester) -> None:
    """A second run with --robust-cluster and --robust-simulators=auto once ended in a division by zero."""
    options = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-budget=2"]
    toy.runpytest_inprocess(*options)
    session = session_of(toy.parseconfigure(*options, "--robust-cluster=10.0.0.1:6379", "--robust-simulators=auto"))
    said = forecast(
        session, [Identity("steady", "toy", "cell", "camera")], bounds(session), session.settings.simulators
    )
    assert re.match(r"1 cell: 2 episodes at most, some \d+ s of one simulator's time if they are like the latest", said)


def test_bounds_count_arms_repeats_and_sides(toy: pytest.Pytester) -> None:
    options = ["--robust-model=steady", "--robust-perturbation=camera"]
    both_sides = "--robust-compare=steady:weak"
    cell = Identity("steady", "toy", "cell", "camera")
    both = Identity("steady-vs-weak", "toy", "comparison", "camera")
    search = Identity("steady", "toy", "fuzz", "camera")

    def most(*more: str) -> list[int | None]:
        bound = bounds(session_of(toy.parseconfigure(*options, *more)))
        return [bound(cell), bound(both), bound(search), bound(cell._replace(kind="play"))]

    assert most() == [60, None, 260, None]
    assert most(both_sides) == [60, 120, 260, None]
    assert most(both_sides, "--robust-budget=20") == [20, 40, 30, None]
    assert most("--robust-ablation=vision,language", "--robust-repeat=5") == [190, None, 260, None]
    assert most(both_sides, "--robust-all-runs") == [None, None, 260, None]
    assert most("--robust-shard=1/4")[0] == 15
    # A second run has tasks of its own, whatever the budget.
    assert most("--robust-budget=3", "--robust-repeat=5")[0] == 13


def played(task: str = "task", *, success: bool = True) -> EpisodeRecord:
    return EpisodeRecord(
        task=task, suite="toy", base="task", trial=0, seed=0, instruction="", prompt_source="", success=success,
        worker="gw1", started="2025-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_lines_vanish_without_a_trace_and_pytest_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, written = _terminal(monkeypatch, columns=30, rows=KEPT + 2)
    screen._terminal._tw.write("suite.py .")
    screen.show(["first", "a line that is longer than the terminal is wide"])
    assert _seen(written) == ["suite.py .", "first", "a line that is longer than th"]
    screen.show(["second", "third", "fourth"])
    assert _seen(written) == ["suite.py .", "second", "and 2 more"]
    screen.clear()
    screen.clear()
    screen._terminal._tw.write("F")
    assert _seen(written) == ["suite.py .F"]
    screen.show(["last"])
    screen.clear()
    assert _seen(written) == ["suite.py .F"]


def _terminal(monkeypatch: pytest.MonkeyPatch, *, columns: int, rows: int) -> tuple[Screen, io.StringIO]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    written = io.StringIO()
    writer = TerminalWriter(written)
    writer.fullwidth = columns
    plugins: dict[str, Any] = {"terminalreporter": SimpleNamespace(isatty=True, _tw=writer)}
    config = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=plugins.get))
    return Screen(cast("pytest.Config", config)), written


def _seen(written: io.StringIO) -> list[str]:
    """Do as a terminal does with what was written; returns its lines, without those that are empty."""
    lines, row, column = [""], 0, 0
    for code, number, how, letter in re.findall(r"(\x1b\[(\d*)([ACK]))|(.|\n)", written.getvalue()):
        if how == "A":
            row -= 1
        elif how == "C":
            column += int(number)
        elif how == "K":
            assert number == "2"
            lines[row] = ""
        elif letter == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif letter == "\r":
            column = 0
        else:
            assert not code
            lines[row] = lines[row].ljust(column)[:column] + letter + lines[row][column + 1 :]
            column += 1
    return [line for line in lines if line]
