"""A second question of each cell: does the mean share of subgoals reached suffice?"""

from __future__ import annotations

import json

import pytest

# Of strength 0.3 on weights spread evenly up to 1: 30 % succeed, and 30 % more reach half of their subgoals.
WEAK = ("--robust-model=weak", "--robust-perturbation=camera", "--robust-ledger=l.sqlite", "--robust-json=r.json")
MEAN = (2 * 18 + 18) / 120


def cell(toy: pytest.Pytester) -> dict[str, object]:
    (found,) = json.loads((toy.path / "r.json").read_text())["cells"]
    return dict(found)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")


@pytest.mark.everywhere
@pytest.mark.parametrize(("needed", "verdict"), [(0.2, "pass"), (0.7, "fail")])
def test_subgoals_alone_decide_a_cell_without_a_baseline(toy: pytest.Pytester, needed: float, verdict: str) -> None:
    result = toy.runpytest(*WEAK, "--robust-baseline=none", f"--robust-subgoals={needed}")
    result.assert_outcomes(**{f"{verdict}ed": 1})
    found = cell(toy)
    assert found["credit"]["verdict"] == found["outcome" if "outcome" in found else "state"] == verdict  # type: ignore[index]
    assert found["credit"]["decided"] == found["played"]  # type: ignore[index]
    assert 0 < found["played"] < 60  # type: ignore[operator]
    result.stdout.fnmatch_lines([f"weak, camera, subgoals: {verdict.upper()}: * of subgoals reached, needs *"])


def test_played_to_the_end_the_answer_is_arithmetic(toy: pytest.Pytester) -> None:
    for needed, verdict in ((MEAN - 0.001, "pass"), (MEAN + 0.001, "fail")):
        toy.runpytest(*WEAK, "--robust-baseline=none", f"--robust-subgoals={needed}", "--robust-fresh")
        credit = cell(toy)["credit"]
        assert credit["verdict"] == verdict  # type: ignore[index]


def test_a_pass_needs_both_questions_and_a_fail_one(toy: pytest.Pytester) -> None:
    steady = ("--robust-model=steady", *WEAK[1:])
    toy.runpytest(*steady, "--robust-subgoals=0.6").assert_outcomes(passed=1)
    result = toy.runpytest(*steady, "--robust-subgoals=0.97", "--robust-fresh")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*  subgoals  FAIL: * of subgoals reached, needs 97.0 %*"])
    assert [gate["verdict"] for gate in cell(toy)["gates"]] != ["fail"]  # type: ignore[attr-defined]


def test_subgoals_that_nobody_watched_are_not_judged(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOY_EVENTS")
    result = toy.runpytest("--robust-model=steady", *WEAK[1:], "--robust-subgoals=0.99")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*subgoals are not judged: of some episodes it is not known which were reached*"])
