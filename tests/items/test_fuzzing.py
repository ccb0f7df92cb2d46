"""Fuzzing and frontiers on the toy benchmark, whose replay policy keeps half its successes at 24° and at level 2."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from toy import SEARCHES

from pytest_robustplus.errors import SimulatorError
from pytest_robustplus.evaluation.campaign import Move
from pytest_robustplus.evaluation.searching import Search
from pytest_robustplus.rollout import replay
from pytest_robustplus.session.cells import Subject

PROPERTY = """
import pytest
from hypothesis import example, given, settings
from pytest_robustplus.fuzz import strategies
from pytest_robustplus.perturbations import Camera

@pytest.mark.robustness("toy")
@settings(max_examples=20, database=None)
@given(p=strategies.camera("azimuth"))
def test_survives(play, p):
    assert play(p).holds
"""
AXIS = "test_frontier[steady-toy-camera.azimuth+]"


@pytest.fixture
def fuzzed(toy: pytest.Pytester) -> pytest.Pytester:
    """The toy project with a suite that fuzzes."""
    toy.makepyfile(test_suite=SEARCHES)
    return toy


def episodes(toy: pytest.Pytester) -> int:
    (ledger,) = toy.path.rglob("ledger.sqlite")
    with sqlite3.connect(ledger) as database:
        (count,) = database.execute("SELECT count(*) FROM episode").fetchone()
    return int(count)


def test_an_item_for_each_dimension_and_axis_that_the_benchmark_generates(fuzzed: pytest.Pytester) -> None:
    result = fuzzed.runpytest("--collect-only", "-q", "--robust-model=steady")
    named = re.findall(r"\[steady-toy-([^\]]+)\]", result.stdout.str())
    assert named[:3] == ["camera", "noise", "combined"]
    assert {"camera.azimuth+", "camera.azimuth-", "noise.fog"} < set(named[3:])
    only = fuzzed.runpytest("--collect-only", "-q", "--robust-model=steady", "--robust-perturbation=noise")
    assert "camera" not in only.stdout.str()


def test_another_benchmark_may_be_played_than_the_one_that_the_suite_names(fuzzed: pytest.Pytester) -> None:
    result = fuzzed.runpytest("--collect-only", "-q", "--robust-model=expert", "--robust-benchmark=bimanual")
    named = {line.removeprefix("test_suite.py::") for line in result.outlines}
    assert {"test_fuzz[expert-bimanual-camera]", "test_frontier[expert-bimanual-camera.fov+]"} < named
    assert "-toy-" not in result.stdout.str()
    wrong = fuzzed.runpytest("--robust-model=expert", "--robust-benchmark=bimanul")
    wrong.stderr.fnmatch_lines(["*'bimanul' (from --robust-benchmark). Did you mean 'bimanual'*"])


def test_a_failing_perturbation_is_found_and_made_mild(fuzzed: pytest.Pytester) -> None:
    corpus = fuzzed.path / "corpus.json"
    arguments = ["--robust-model=steady", "-k", "test_fuzz and camera", f"--robust-corpus={corpus}"]
    result = fuzzed.runpytest(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*/* < *%: camera of steady on Toy Table, under",
            "  Camera(azimuth=*)",
            "  at it * of * fresh episodes succeed, severity 0.*; 95 % confidence that it falls short",
            "  begins       near severity 0.* [[]0.*, 0.*[]]",
            "  as a test * @example(p=Camera(azimuth=*))",
            "  play it * pytest --robust-replay=*",
            "camera of steady: falls short under Camera(azimuth=*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    (case,) = json.loads(corpus.read_text())
    assert list(case["perturbation"]) == ["dimension", "azimuth"]
    mildest = re.search(r"falls short under Camera\(azimuth=(-?[\d.]+)\)", result.stdout.str())
    assert mildest is not None
    assert 20 <= abs(float(mildest[1])) <= 45
    begins = re.search(r"near severity ([\d.]+) \[([\d.]+), ([\d.]+)\]", result.stdout.str())
    assert begins is not None
    assert float(begins[2]) <= 24 / 75 <= float(begins[3])
    replay = re.search(r"--robust-replay=(\d+)", result.stdout.str())
    assert replay is not None
    assert fuzzed.runpytest(f"--robust-replay={replay[1]}").ret == 0

    again = fuzzed.runpytest(*arguments)
    again.stdout.fnmatch_lines(["  in the corpus as Camera(azimuth=*"])
    assert len(json.loads(corpus.read_text())) == 1


@pytest.mark.here
def test_pictures_that_cannot_be_made_are_said(fuzzed: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def dark(*_: object) -> None:
        raise SimulatorError("nothing can be drawn here")

    monkeypatch.setattr(replay, "picture", dark)
    result = fuzzed.runpytest("--robust-model=steady", "-k", "test_fuzz and camera", "--robust-budget=100")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  pictures     not complete: nothing can be drawn here"])


def test_a_budget_may_find_nothing(fuzzed: pytest.Pytester) -> None:
    result = fuzzed.runpytest("--robust-model=strong", "-k", "test_fuzz and noise", "--robust-budget=12")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["noise of strong: nothing found in * perturbations, 12 episodes, where the budget ended the search"]
    )


def test_a_model_that_solves_nothing_is_skipped(fuzzed: pytest.Pytester) -> None:
    result = fuzzed.runpytest("-rs", "--robust-model=weak", "--robust-task=*_59", "-k", "test_fuzz and noise")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*none of 10 unperturbed episodes succeeds*"])


def test_tasks_that_do_not_exist_are_an_error(fuzzed: pytest.Pytester) -> None:
    result = fuzzed.runpytest("--robust-model=steady", "--robust-task=kitchen*", "-k", "test_fuzz and noise")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*matches kitchen[*]*Choose others by --robust-task*"])


def test_a_frontier_is_measured_accepted_and_gated(fuzzed: pytest.Pytester) -> None:
    arguments = ["-rs", "--robust-model=steady", "-k", "azimuth+ and frontier", "--robust-budget=120"]
    measured = fuzzed.runpytest(*arguments, "--robust-accept=default", "--robust-html=page.html")
    measured.assert_outcomes(skipped=1)
    measured.stdout.fnmatch_lines(["accepted 1 frontier of steady: *steady.toml", "*there is no accepted frontier*"])
    file = fuzzed.path / "frontiers" / "steady.toml"
    accepted = tomllib.loads(file.read_text())["axis"]["camera.azimuth+"]
    assert accepted["low"] <= 24 <= accepted["high"]
    page = fuzzed.path.joinpath("page.html").read_text()
    assert "camera.azimuth+" in page
    assert "data:image/svg+xml" in page

    before = episodes(fuzzed)
    fuzzed.runpytest(*arguments).assert_outcomes(passed=1)
    assert episodes(fuzzed) == before  # the second run had them all

    file.write_text(re.sub(r"(?m)^(low|estimate|high) = .*$", r"\1 = 60.0", file.read_text()))
    nearer = fuzzed.runpytest(*arguments)
    nearer.assert_outcomes(failed=1)
    nearer.stdout.fnmatch_lines(
        ["*° [[]*[]], accepted *: the frontier of camera.azimuth+ of steady on Toy Table has come nearer."]
    )


def test_frontiers_that_cannot_be_read_are_an_error(fuzzed: pytest.Pytester) -> None:
    fuzzed.path.joinpath("broken.toml").write_text("[frontier]\nmodel = 'steady'\n")
    result = fuzzed.runpytest(
        "--robust-model=steady", "-k", "azimuth+ and frontier", "--robust-budget=12", "--robust-frontiers=broken.toml"
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*broken.toml cannot be read*accept them anew*"])


@pytest.mark.own_spread
def test_a_pool_plays_several_searches_at_once_and_finds_the_same(
    fuzzed: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["--robust-model=steady", "--robust-budget=20", "-k", "azimuth or (test_fuzz and camera)", "-n0"]
    alone = fuzzed.runpytest(*chosen, "--robust-ledger=one.sqlite")
    monkeypatch.setenv("TOY_SECONDS", "0.002")
    asked: list[Search[Any]] = []
    offer, until = Search.offer, time.monotonic() + 60

    def noted(search: Search[Any], room: Callable[[Subject], bool], chance: float) -> Move | None:
        # Whichever search begins first waits halfway for the others, or for a minute in which they do not begin.
        halfway = asked[:1] == [search] and asked.count(search) >= 10
        if halfway and len(set(map(id, asked))) < 3 and time.monotonic() < until:
            return None
        found = offer(search, room, chance)
        asked.extend([search] if found else [])
        return found

    monkeypatch.setattr(Search, "offer", noted)
    together = fuzzed.runpytest(*chosen, "--robust-ledger=pool.sqlite", "--robust-simulators=3")
    assert findings(together) == findings(alone) != []
    assert played(fuzzed.path / "pool.sqlite") == played(fuzzed.path / "one.sqlite")
    first, _, third = dict.fromkeys(asked)
    last = len(asked) - 1 - asked[::-1].index(first)
    assert asked.index(third) < last, "the last search is begun while the first one plays"


def findings(result: pytest.RunResult) -> list[str]:
    """What searches found, without what took how long."""
    return [line for line in result.outlines if re.search(r"azimuth|succeed|holds|episodes", line)]


def played(path: Path) -> list[tuple[str, int, int, str]]:
    """What came of each episode of each point."""
    with sqlite3.connect(path) as database:
        return database.execute(
            """SELECT population, position, success, state_hash FROM episode JOIN audit ON audit.id = audit
            ORDER BY population, position"""
        ).fetchall()


def test_workers_find_the_same_and_play_nothing_twice(fuzzed: pytest.Pytester) -> None:
    """Items of one model share its unperturbed episodes, whichever workers have them."""
    log = fuzzed.path / "log"
    fuzzed.makepyfile(
        noting=f"""
        from toy import Steady

        class Noting(Steady):
            def __init__(self):
                super().__init__(0.8)
            def reset(self, slot, instruction):
                with open({str(log)!r}, "a") as file:
                    file.write(instruction + "\\n")
        """
    )
    arguments = ["--robust-model=strong", "--robust-policy=python:noting:Noting", "--robust-budget=60", "-v"]
    said = {}
    for spread in ("-n0", "-n2"):
        files = [f"--robust-ledger={spread}.sqlite", f"--robust-html={spread}.html", f"--robust-corpus={spread}.json"]
        result = fuzzed.runpytest(*arguments, *files, spread, "-k", "test_fuzz or azimuth")
        result.assert_outcomes(failed=3, skipped=2)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        with sqlite3.connect(fuzzed.path / f"{spread}.sqlite") as database:
            (recorded,) = database.execute("SELECT count(*) FROM episode").fetchone()
        assert len(log.read_text().splitlines()) == recorded
        log.unlink()
        page = fuzzed.path.joinpath(f"{spread}.html").read_text()
        lines = [line for line in result.outlines if re.match(r"(camera|noise|combined)\S* of strong: ", line)]
        found = [case["mildest"] for case in json.loads(fuzzed.path.joinpath(f"{spread}.json").read_text())]
        assert page.count("camera.azimuth") >= 2
        assert all(mildest in unescape(page) for mildest in found)
        said[spread] = (lines, found, recorded)
    assert len(said["-n0"][0]) == 5
    assert said["-n2"] == said["-n0"]


@pytest.fixture
def property_test(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The toy project with a hypothesis test, for a process of its own: hypothesis imports much of itself late."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    toy.makepyfile(test_suite=PROPERTY)
    return toy


def test_a_hypothesis_test_of_ones_own(property_test: pytest.Pytester) -> None:
    toy = property_test
    arguments = ["--robust-model=steady", "-p", "no:cacheprovider", "--robust-ledger=l.sqlite", "--hypothesis-seed=3"]
    result = toy.runpytest_subprocess(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*<falls short: * episodes succeed under Camera(azimuth=*"])
    text = result.stdout.str()
    found = re.search(r"p=Camera\(azimuth=(-?[\d.]+)\)", text)
    assert found is not None
    assert 15 <= float(found[1]) <= 33
    assert "Flaky" not in text
    assert "Unreliable" not in text

    toy.makepyfile(test_suite=PROPERTY.replace("@given", f"@example(p=Camera(azimuth={found[1]}))\n@given"))
    named = toy.runpytest_subprocess(*arguments, "-v")
    # With and without workers, the outcome comes last or first in its line.
    words = (r"test_survives\[steady-toy\].*FAILED|FAILED.*test_survives\[steady-toy\]", "Failing explicit example")
    named.stdout.re_match_lines([f".*({word}).*" for word in words])


def test_a_hypothesis_test_passes_where_the_policy_holds(property_test: pytest.Pytester) -> None:
    toy = property_test
    toy.makepyfile(test_suite=PROPERTY.replace('strategies.camera("azimuth")', 'strategies.camera("roll")'))
    toy.runpytest_subprocess("--robust-model=steady").assert_outcomes(passed=1)
