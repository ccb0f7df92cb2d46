"""Results come back from the properties of test reports as they were, also those that an earlier release wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pytest_robustplus.results.carried import Carried
from pytest_robustplus.results.cell import (
    AblationResult,
    CellReport,
    Changed,
    Drifting,
    Elsewhere,
    Estimated,
    FailedTask,
    GateReport,
    Group,
    RepeatReport,
    Rerun,
)
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport, Difference, Discordant, Side, Split
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport, Interval, Tally, probes
from pytest_robustplus.results.latency import LatencyGate, LatencyReport
from pytest_robustplus.results.notes import Note

CELL = CellReport(
    model="pi05", benchmark="libero_plus", dimension="camera", outcome="fail", successes=3, played=5, total=9,
    playable=9, listed=10, low=0.1, high=0.9, seconds=1.5, baseline=0.8, source="a paper", margin=0.05,
    notes=("a note", "[1] as JSON", Note.of("other_version", name="mujoco", here="3", baseline="2")),
    groups=(Group("far", 3, 5),), failed=(FailedTask(7, "a task", 280),),
    gates=(
        GateReport(
            "regress", "fail", 0.8, "a run", 0.05, False, -1.0, 3.0, (2, 2, 1, 0), 0.5, 0.1,
            (Changed("a task", 7, "lost"),), 8, 1, 0.05, 0.01, 5, (Elsewhere(0.7, "another"),),
        ),
        GateReport("validate", "open", 0.7, "a paper", 0.05, False, 0.0, 0.0),
    ),
    ablations=(AblationResult("vision", 1, 5, (1, 2, 0, 2), 0.5, 8),), repeat=(RepeatReport(5, 1, 0.0, 0.5, 0.2),),
    needed=0.75, side="regress", estimate=Estimated(0.6, 0.2, 0.9, 0.61, 0.1), drift=Drifting(0.5, 0.6, 0.4, True),
    reruns=Rerun(("pass",), "open", 4, 0.5), checkpoint="[abc]",
)  # fmt: skip
LATENCY = LatencyReport(
    "pi05", "toy", "in process", "abc", "cpu", "host", "numpy", "recorded", "undecided", 2, 3.0, 4.0, 5.0, None, 0.1,
    0, 0, 8, 4, 50.0, 20.0, (LatencyGate("regress", "undecided", "a run", 1.0, 1.1, 0.9, 1.3, 0.1),), ("2 ms there",),
    (Note.of("server_memory", milliseconds=0.1),), (3.0, 4.0), (1.0, 1.0),
)  # fmt: skip
COMPARISON = ComparisonReport(
    ("a", "b"), "toy", "camera", "which", "first", 5, 9, 9, 1, 1, True, 0.05, 1, (Side("a", 4, 5), Side("b", 2, 5)),
    (Difference("a", "b", 5, 2, 0, 1, 4, 0.5),), (Discordant("a task", "a", (1, 2)),), (Split("far", 5, 2, 0),),
)  # fmt: skip
FRONTIER = FrontierReport(
    "pi05", "toy", "abc", "camera.azimuth", "camera", "°", "pass", 0.5, 0.9, 0.0, 75.0,
    Interval(8.0, 10.0, 12.0, False), 40, ((0.0, 9, 10), (10.0, 5, 10)), Interval(9.0, 11.0, 13.0, False, True),
)  # fmt: skip
FUZZ = FuzzReport(
    "pi05", "toy", "camera", "fail", 0.9, 0.5, 12, 3, 90, mildest="Camera(azimuth=9.0)", at_it=Tally(2, 10),
    begins=(0.1, 0.05, 0.2), perturbation='{"dimension": "camera"}',
)  # fmt: skip
CONTRAST = ContrastReport(("a", "b"), "toy", "camera", "{}", "Camera()", 1, 5, 0, 4, 10, 0.1)
CLAIM = ClaimReport("a is better", "refuted", ("camera",), ("a line",))


OBSERVED = replace(LATENCY, observations=Note.of("first_observations", tasks=4, benchmark="Toy"))


@pytest.mark.parametrize("report", [CELL, LATENCY, OBSERVED, COMPARISON, FRONTIER, FUZZ, CONTRAST, CLAIM])
def test_a_result_comes_back_as_it_was(report: Carried) -> None:
    others = [found for other in (CELL, LATENCY, COMPARISON, CLAIM) if type(other) is not type(report)
              for found in other.properties()]  # fmt: skip
    # Through JSON, as pytest-xdist carries it.
    carried = json.loads(json.dumps([("identity", "[]"), *others, *report.properties()]))
    assert type(report).read(carried) == report
    assert type(report).read(others) is None


def test_a_result_without_its_options_comes_back() -> None:
    counts: dict[str, Any] = {"successes": 1, "played": 1, "total": 1, "playable": 1, "listed": 1}
    bare = CellReport(
        model="a", benchmark="b", dimension="c", outcome="measured", low=0.0, high=1.0, seconds=1.0, **counts
    )
    assert CellReport.read(bare.properties()) == bare


def test_probes_are_found_among_other_properties() -> None:
    found = [*CELL.properties(), *FUZZ.properties(), *FRONTIER.properties(), *FRONTIER.properties()]
    assert probes(found) == [FUZZ, FRONTIER, FRONTIER]


def test_the_properties_of_cells_in_junit_are_those_of_earlier_releases() -> None:
    found = dict(CELL.properties())
    assert found["robustness_outcome"] == "fail"
    assert found["robustness_baseline"] == 0.8
    assert dict(replace(CELL, notes=CELL.notes[:2]).properties())["robustness_notes"] == '["a note", "[1] as JSON"]'
    assert found["robustness_groups"] == '[["far", 3, 5]]'
    assert found["robustness_failed"] == '[[7, "a task", 280, ""]]'
    assert found["robustness_reruns"] == '[["pass"], "open", 4, 0.5]'
    assert json.loads(str(found["robustness_gates"]))[1][:4] == ["validate", "open", 0.7, "a paper"]
    assert dict(LATENCY.properties())["latency_server_ms"] is None
    assert dict(LATENCY.properties())["latency_policy_ms"] == "[3.0, 4.0]"
