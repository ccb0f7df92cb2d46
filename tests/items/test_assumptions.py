"""What a verdict rests on is said beside it: when episodes were played, earlier runs, gates that could not fail."""

from __future__ import annotations

import json
import re

import pytest

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.statistics.evalues import Plan
from pytest_robustplus.statistics.sequential import Counted

CAMERA = "--robust-perturbation=camera"
POLICIES = """
    import os
    import random
    from toy import Steady

    class Wearing(Steady):
        '''Fast asleep after so many episodes, whatever the task.'''
        after = 10

        def __init__(self):
            super().__init__(1.0)
            self.checkpoint = type(self).__name__
            self.episodes = 0

        def reset(self, slot, instruction):
            self.episodes += 1
            self.strength = 1.0 if self.episodes <= self.after else 0.0

    class Lucky(Steady):
        '''Solves a task or not by luck that is new in every run.'''
        def __init__(self):
            super().__init__(0.0)
            self.checkpoint = "lucky"
            self.luck = random.Random(os.environ["LUCK"])
            self.sure = int(os.environ.get("SURE", "0"))

        def reset(self, slot, instruction):
            self.sure -= 1
            self.strength = float(self.sure >= 0 or self.luck.random() < 0.5)

    class Elsewhere(Steady):
        '''The same weights, reached in two ways.'''
        def __init__(self):
            super().__init__(0.8)
            self.checkpoint = "run42"

    class AtAnotherPlace(Elsewhere):
        pass

    class Unnamed(Elsewhere):
        def __init__(self):
            super().__init__()
            self.checkpoint = None

    class UnnamedToo(Unnamed):
        pass
"""


@pytest.fixture
def project(toy: pytest.Pytester) -> pytest.Pytester:
    """The toy project with policies of its own."""
    toy.makepyfile(policies=POLICIES)
    return toy


def play(toy: pytest.Pytester, policy: str, *options: str) -> pytest.RunResult:
    return toy.runpytest("--robust-model=served", f"--robust-policy=python:policies:{policy}", CAMERA, *options)


def baseline(toy: pytest.Pytester, percent: float) -> None:
    path = toy.path / "toy_baselines.toml"
    path.write_text(path.read_text().replace('model = "steady", name = "Steady", percent = [80.0, 80.0, 80.0, 80.0]',
        f'model = "served", name = "Served", percent = [{percent}, {percent}, {percent}, {percent}]'))  # fmt: skip


def test_a_policy_that_is_good_at_first_is_told_by_spot_episodes(project: pytest.Pytester) -> None:
    baseline(project, 80.0)
    quiet = play(project, "Wearing")
    quiet.assert_outcomes(passed=1)
    result = play(project, "Wearing", "--robust-spots=12", "--robust-json=r.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*DRIFTS*", "† served, camera: outcomes depended on when they were played: *"])
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert cell["drift"]["alarm"]
    assert (cell["drift"]["spots"], cell["drift"]["spot_p"] < 0.01) == (12, True)
    steady = project.runpytest("--robust-model=steady", "--robust-policy=demo_replay", CAMERA, "--robust-spots=12")
    assert "DRIFTS" not in steady.stdout.str()


def test_the_prefix_shows_a_policy_that_wears_out(project: pytest.Pytester) -> None:
    result = play(project, "Wearing", "--robust-baseline=none", "--robust-json=r.json")
    result.assert_outcomes(skipped=1)
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert cell["drift"]["alarm"]
    assert cell["drift"]["early"] > cell["drift"]["late"]
    result.stdout.fnmatch_lines(["† served, camera: outcomes depended on when they were played, * of the first half*"])


def test_a_rerun_says_what_came_before_and_all_runs_may_decide(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    baseline(project, 95.0)
    for luck in (1, 2):
        monkeypatch.setenv("LUCK", str(luck))
        play(project, "Lucky", "--robust-ledger=l.sqlite").assert_outcomes(failed=1)
    monkeypatch.setenv("LUCK", "3")
    monkeypatch.setenv("SURE", "30")
    third = play(project, "Lucky", "--robust-ledger=l.sqlite")
    third.assert_outcomes(passed=1)
    third.stdout.fnmatch_lines(["† served, camera: third run of this checkpoint on these tasks; before: 2 FAIL."])
    together = play(project, "Lucky", "--robust-ledger=l.sqlite", "--robust-all-runs", "--robust-json=r.json")
    together.assert_outcomes(failed=1)
    together.stdout.fnmatch_lines(["*all 4 runs together: FAIL, * over the * tasks that all of them played*"])
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert cell["reruns"]["verdicts"] == ["fail", "fail", "pass"]
    assert (cell["state"], cell["reruns"]["pooled"], cell["gates"][0]["verdict"]) == ("fail", "fail", "pass")


def test_order_and_episodes_belong_to_the_checkpoint_however_it_is_reached(project: pytest.Pytester) -> None:
    for policy in ("Elsewhere", "AtAnotherPlace"):
        play(project, policy, "--robust-baseline=none", "--robust-ledger=l.sqlite").assert_outcomes(skipped=1)
    with Ledger.open(project.path / "l.sqlite", create=False) as ledger:
        first, second = ledger.audits()
        assert first.key == second.key
        assert first.order_seed == second.order_seed
        tasks = [[episode.record.task for episode in ledger.episodes(audit.id)] for audit in (first, second)]
    assert tasks[0] == tasks[1]


def test_the_order_of_weights_that_nobody_named_depends_on_no_address_and_their_episodes_are_kept_apart(
    project: pytest.Pytester,
) -> None:
    """As of two servers that say the same of themselves at two ports: one order, but what if they are two models?"""
    for policy in ("Unnamed", "UnnamedToo"):
        play(project, policy, "--robust-baseline=none", "--robust-ledger=l.sqlite").assert_outcomes(skipped=1)
    with Ledger.open(project.path / "l.sqlite", create=False) as ledger:
        first, second = ledger.audits()
        tasks = [[episode.record.task for episode in ledger.episodes(audit.id)] for audit in (first, second)]
    assert first.key.checkpoint != second.key.checkpoint
    assert first.order_seed == second.order_seed
    assert tasks[0] == tasks[1]


def test_what_a_cell_that_stopped_early_shows_is_no_share_of_successes(project: pytest.Pytester) -> None:
    """Which is too high of those that passed and too low of those that failed."""
    result = project.runpytest("--robust-model=steady,weak", CAMERA, "--robust-json=r.json", "--robust-markdown=r.md")
    passed, failed = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    for cell in (passed, failed):
        assert cell["played"] < cell["total"]
        assert cell["estimate"]["low"] <= cell["estimate"]["rate"] <= cell["estimate"]["high"]
        shown = f"~{100 * cell['estimate']['rate']:.1f} %"
        assert shown in result.stdout.str()
        assert shown in project.path.joinpath("r.md").read_text()
    assert passed["estimate"]["rate"] < passed["successes"] / passed["played"] - 0.01
    assert failed["estimate"]["rate"] > failed["successes"] / failed["played"] + 0.01


def test_a_cell_that_could_not_fail_is_measured_everywhere(project: pytest.Pytester) -> None:
    files = ["--robust-json=r.json", "--robust-markdown=r.md", "--junitxml=r.xml"]
    result = project.runpytest("-rs", "--robust-model=steady", CAMERA, "--robust-budget=4", *files)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*MEASURED*", "*could not fail; --robust-budget=* or more would let it*"])
    assert "PASS" not in result.stdout.str()
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert (cell["state"], cell["needed"], cell["gates"]) == ("measured", None, [])
    assert "📏 measured" in project.path.joinpath("r.md").read_text()
    assert 'name="robustness_outcome" value="measured"' in project.path.joinpath("r.xml").read_text()
    budget = re.search(r"--robust-budget=(\d+) or more", result.stdout.str())
    assert budget is not None
    project.runpytest("--robust-model=steady", CAMERA, f"--robust-budget={budget[1]}").assert_outcomes(passed=1)
    less = project.runpytest("--robust-model=steady", CAMERA, f"--robust-budget={int(budget[1]) - 1}")
    less.assert_outcomes(skipped=1)


def test_one_suite_is_not_held_against_the_number_of_all(project: pytest.Pytester) -> None:
    result = project.runpytest("-rs", "--robust-model=steady", CAMERA, "--robust-suite=left")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["*MEASURED*", "† steady, camera: *80.0 % is of all suites together *, this run plays left*"]
    )
    path = project.path / "toy_baselines.toml"
    table = (
        path.read_text()
        .replace('label = "toy"', 'label = "toy-left"\nsuite = "left"')
        .replace("80.0, 80.0", "60.0, 60.0")
    )
    path.write_text(path.read_text() + table)
    own = project.runpytest("--robust-model=steady", CAMERA, "--robust-suite=left")
    own.assert_outcomes(passed=1)
    project.runpytest("--robust-model=steady", CAMERA, "--robust-suite=left,right").assert_outcomes(passed=1)


def test_a_verdict_can_be_recomputed_from_its_report(project: pytest.Pytester) -> None:
    project.runpytest("--robust-model=steady,weak", "--robust-json=r.json")
    cells = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    assert [cell["questions"] for cell in cells] == [4] * 4
    for cell in cells:
        (gate,) = cell["gates"]
        assert gate["alpha_fail"] == pytest.approx(0.01 / 4)
        asked = Plan(
            cell["total"], gate["baseline_tasks"], gate["margin_tasks"], gate["alpha_pass"], gate["alpha_fail"]
        )
        assert cell["needed"] == asked.needed / asked.total
        assert gate["decided"] <= cell["played"]
        if gate["decided"] == cell["played"]:
            assert asked.verdict(cell["played"], cell["successes"]) == gate["verdict"]
        assert Counted(asked).log_evalues([True] * cell["successes"] + [False] * (cell["played"] - cell["successes"]))


def test_of_two_gates_the_strictest_is_shown(project: pytest.Pytester) -> None:
    project.runpytest("--robust-model=steady", "--robust-baseline=none", "--robust-accept").assert_outcomes(skipped=2)
    path = project.path / "toy_baselines.toml"
    path.write_text(path.read_text().replace("80.0, 80.0", "50.0, 50.0"))
    result = project.runpytest(
        "--robust-model=steady", CAMERA, "--robust-baseline=paper,last", "--robust-json=r.json", "--junitxml=r.xml"
    )
    result.assert_outcomes(passed=1)
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    needed = [(gate["baseline_tasks"] - gate["margin_tasks"]) / cell["total"] for gate in cell["gates"]]
    assert len(needed) == 2
    assert needed[0] < needed[1]
    assert (cell["needed"], cell["baseline"], cell["side"]) == (needed[1], 0.8, "regress")
    result.stdout.fnmatch_lines([f"*≥{100 * needed[1]:.1f} %*"])
    assert 'name="robustness_baseline" value="0.8"' in project.path.joinpath("r.xml").read_text()


def test_both_sides_of_an_accepted_run_are_paired_and_one_baseline_is_said(project: pytest.Pytester) -> None:
    project.runpytest("--robust-model=weak", "--robust-baseline=none", "--robust-accept").assert_outcomes(skipped=2)
    above = project.runpytest(
        "--robust-model=weak", "--robust-policy=expert", CAMERA, "--robust-baseline=last", "--robust-two-sided",
        "--robust-json=r.json",
    )  # fmt: skip
    above.assert_outcomes(failed=1)
    (cell,) = json.loads(project.path.joinpath("r.json").read_text())["cells"]
    worse, better = cell["gates"]
    assert worse["baseline"] == better["baseline"] == cell["baseline"] == 0.3
    assert better["pairs"]
    assert (cell["side"], better["verdict"]) == ("above", "fail")
    above.stdout.fnmatch_lines([f"*≤{100 * cell['needed']:.1f} %*"])
    assert "≥" not in above.stdout.str()
