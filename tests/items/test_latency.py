"""Latency as a test: what it is held against, who has the machine meanwhile, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from toy import LATENCY, SUITE

import pytest_robustplus.reporting
from pytest_robustplus.baselines import load_timed, write_timed
from pytest_robustplus.errors import SimulatorError
from pytest_robustplus.evaluation.latency.workload import processor
from pytest_robustplus.ledger import Ledger

SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())
TABLE = """
[[latency]]
paper = "arXiv 2600.00001v1"
table = "Table 2"
label = "toy"
protocol = "not stated"
relative_to = "steady"
row = [
    { model = "steady", name = "Steady", milliseconds = 10, ratio = 1.0 },
    { model = "strong", name = "Strong", milliseconds = 31, ratio = RATIO },
]
"""


@pytest.fixture
def timed(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose suite times the toy's models, which think for a while: microseconds are no slowdown."""
    monkeypatch.setenv("TOY_THINKS", "0.001")
    toy.makepyfile(test_suite=LATENCY)
    return toy


def accepted(project: pytest.Pytester, factor: float) -> None:
    """Make the accepted run of ``steady`` so many times slower than it was."""
    path = project.path / "baselines/steady.latency.toml"
    (entry,) = load_timed(path)
    from dataclasses import replace

    write_timed(path, [replace(entry, policy_ms=tuple(factor * t for t in entry.policy_ms))])


def test_measured_accepted_and_held(timed: pytest.Pytester) -> None:
    first = timed.runpytest("--robust-model=steady", "--robust-accept", "-rs", "--robust-json=r.json")
    first.assert_outcomes(skipped=1)
    first.stdout.fnmatch_lines(
        [
            "*- latency -*",
            "steady *– * of 20 *yes*MEASURED",
            f"steady, toy: {processor()}, over demo_replay; first observations of 2 tasks of Toy Table.",
            "accepted latency of steady on toy over demo_replay, *: *baselines/steady.latency.toml",
        ]
    )
    written = json.loads((timed.path / "r.json").read_text())
    jsonschema.validate(written, SCHEMA)
    (measured,) = written["latencies"]
    assert measured["state"] == "measured"
    assert len(measured["policy_ms"]) == measured["calls"] == 100
    assert (measured["chunk"], measured["executed"], measured["real_time"]) == (4, 2, True)

    accepted(timed, 100)
    timed.runpytest("--robust-model=steady", "--robust-baseline=last").assert_outcomes(passed=1)
    accepted(timed, 1e-4)
    slower = timed.runpytest("--robust-model=steady", "--robust-html=r.html", "--robust-markdown=r.md")
    slower.assert_outcomes(failed=1)
    slower.stdout.fnmatch_lines(
        [
            "+* > +* %, median * ms: latency of steady on Toy Table",
            "  calls     100 after warm-up, *",
            "  fail      +* % time *, 95 % interval +* to +* %, against the run accepted on *; * +10 %*",
        ]
    )
    page = (timed.path / "r.html").read_text()
    assert '<tbody data-model="steady" data-verdict="fail">' in page
    said = page.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r'<b class="fail">FAIL</b>: \+[\d,]+ % time .*, against the run accepted on ', said)
    assert "| steady | toy | ❌ **FAIL** |" in (timed.path / "r.md").read_text()


def test_another_device_is_not_held_against(timed: pytest.Pytester) -> None:
    timed.runpytest("--robust-model=steady", "--robust-accept")
    path = timed.path / "baselines/steady.latency.toml"
    path.write_text(path.read_text().replace(processor(), "another processor"))
    result = timed.runpytest("--robust-model=steady", "--robust-baseline=last")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        [f"steady, toy: nothing accepted (last) of steady over demo_replay on {processor()}; *"]
    )


@pytest.mark.parametrize(("ratio", "outcome"), [("1e6", "passed"), ("1e-6", "failed")])
def test_the_papers_ratio_holds_where_both_are_timed(timed: pytest.Pytester, ratio: str, outcome: str) -> None:
    timed.path.joinpath("table.toml").write_text(TABLE.replace("RATIO", ratio))
    result = timed.runpytest("--robust-model=strong,steady", "--robust-baselines=table.toml", "-v")
    result.assert_outcomes(skipped=1, **{outcome: 1})
    result.stdout.fnmatch_lines(
        [
            f"*strong, toy: {outcome[:4].upper()}: *, 95 % interval * times steady in this run (*, Table 2); *",
            "strong, toy: printed of Strong: 31 ms, * times steady (*); another device's, shown and not gated.",
        ]
    )
    alone = timed.runpytest("--robust-model=strong", "--robust-baselines=table.toml")
    alone.assert_outcomes(skipped=1)


@pytest.mark.own_spread
def test_nobody_plays_while_a_model_is_timed(toy: pytest.Pytester) -> None:
    """The clock is the machine's, so workers' notes of when they asked their policy can be told apart."""
    log = toy.path / "log"
    toy.makepyfile(
        noting=f"""
        import os, time
        import numpy as np

        class Noting:
            checkpoint = "noting"
            def reset(self, slot, instruction):
                pass
            def act(self, observations):
                kind = "timing" if "test_latency" in os.environ.get("PYTEST_CURRENT_TEST", "") else "playing"
                with open({str(log)!r}, "a") as file:
                    file.write(f"{{kind}} {{time.monotonic_ns()}}\\n")
                if kind == "timing":
                    time.sleep(0.02)  # long enough that another worker's episodes would fall in between
                return [np.full((4, 2), 0.5) for _ in observations]
        """,
        test_suite=SUITE + LATENCY.replace("import pytest", ""),
    )
    result = toy.runpytest("--robust-model=python:noting:Noting", "-n2", "--robust-baseline=none")
    result.assert_outcomes(skipped=3)
    notes = [line.split() for line in log.read_text().splitlines()]
    timing = [int(at) for kind, at in notes if kind == "timing"]
    playing = [int(at) for kind, at in notes if kind == "playing"]
    assert len(timing) == 110
    assert len(playing) >= 120
    assert not [at for at in playing if min(timing) < at < max(timing)]


@pytest.mark.own_spread
@pytest.mark.parametrize(("spread", "turns"), [("-n0", "camera latency noise"), ("-n2", "camera noise latency")])
def test_no_simulator_of_a_pool_computes_while_a_model_is_timed(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, spread: str, turns: str
) -> None:
    """A cell whose verdict falls leaves episodes behind in its pool, and a latency test comes next.

    Of two workers one plays its cell and is the next to time, while the other helps.
    """
    log = toy.path / "log"
    # What is left behind goes on for longer than a worker takes to come to its next test.
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"), prepend=os.pathsep)
    toy.makepyfile(
        noting=f"""
        import atexit, os, time
        from toy import Steady, Toy, ToySimulator

        def note(began):
            kind = "timing" if "test_latency" in os.environ.get("PYTEST_CURRENT_TEST", "") else "playing"
            return f"{{kind}} {{began}} {{time.monotonic_ns()}}\\n"

        def write(*lines):
            with open({str(log)!r}, "a") as file:
                file.writelines(lines)

        class NotingSimulator(ToySimulator):
            def step(self, action, *, render):
                began = time.monotonic_ns()
                try:
                    return super().step(action, render=render)
                finally:
                    write(note(began))

        class NotingToy(Toy):
            def simulator(self, profile, protocol):
                return NotingSimulator(protocol)

        class Noting(Steady):
            def __init__(self):
                super().__init__(0.8)
                # Written at the end: a busy disk must not make it slower while it is timed.
                self._notes = []
                atexit.register(lambda: write(*self._notes))
            def act(self, observations):
                began = time.monotonic_ns()
                try:
                    return super().act(observations)
                finally:
                    self._notes.append(note(began))
        """,
        conftest=f"""
        import pytest, toy
        from noting import NotingToy

        def pytest_robustplus_benchmarks(settings):
            return [NotingToy(settings.protocol)]

        def pytest_robustplus_models():
            return [toy.card("steady", policy="python:noting:Noting")]

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            turns = {turns.split()}
            items.sort(key=lambda item: max(n for n, turn in enumerate(turns) if turn in item.name))
        """,
        test_suite=SUITE + LATENCY.replace("import pytest", ""),
    )
    result = toy.runpytest_subprocess("--robust-model=steady", spread, "--robust-simulators=2")
    result.assert_outcomes(passed=2, skipped=1)
    notes = [line.split() for line in log.read_text().splitlines()]
    timing = [(int(began), int(ended)) for kind, began, ended in notes if kind == "timing"]
    first, last = min(began for began, _ in timing), max(ended for _, ended in timing)
    playing = [(int(began), int(ended)) for kind, began, ended in notes if kind == "playing"]
    assert len(timing) >= 110
    assert any(ended < first for _, ended in playing)
    # The cell that comes after may have been played ahead of its item, beside the first one; both have their verdicts.
    assert not [span for span in playing if span[1] > first and span[0] < last]


@pytest.mark.here
def test_without_a_simulator_observations_are_invented_and_it_is_said(
    timed: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise SimulatorError("There is no OpenGL here. Install Mesa.")

    monkeypatch.setattr("toy.Toy.simulator", broken)
    result = timed.runpytest("--robust-model=steady")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["steady, toy: *; synthetic observations, *: There is no OpenGL here. Install Mesa.*"])


def test_what_cannot_be_timed_is_no_failure(timed: pytest.Pytester) -> None:
    models = "strong,weak,served,secret"
    timed.makepyfile(
        conftest="""
        import toy
        from toy import pytest_robustplus_benchmarks

        def pytest_robustplus_models():
            cards = [card for card in toy.pytest_robustplus_models() if card.name != "strong"]
            return [*cards, toy.card("strong", policy="python:toy:Raises"), toy.card("weak", family="script")]
        """
    )
    result = timed.runpytest(f"--robust-model={models}", "--robust-ledger=l.sqlite", "--robust-json=r.json", "-rs")
    result.assert_outcomes(errors=2, skipped=2)
    result.stdout.fnmatch_lines(["*is a script and infers nothing*"])
    written = json.loads((timed.path / "r.json").read_text())
    jsonschema.validate(written, SCHEMA)
    states = {entry["model"]: entry["state"] for entry in written["latencies"]}
    assert states == {"strong": "error", "weak": "skipped", "served": "error", "secret": "skipped"}
    with Ledger.open(timed.path / "l.sqlite", create=False) as ledger:
        (run,) = ledger.runs()
        assert ledger.latencies(run.run) == {("strong", "toy"): None, ("served", "toy"): None}
