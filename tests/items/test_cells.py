"""Cells as items: which there are, what they are called, and how they end."""

from __future__ import annotations

import json

import pytest


def test_a_cell_is_an_item(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--collect-only", "-q", "--robust-model=steady,strong")
    result.stdout.fnmatch_lines(
        [
            "test_suite.py::test_success_rate[[]steady-toy-camera[]]",
            "test_suite.py::test_success_rate[[]steady-toy-noise[]]",
            "test_suite.py::test_success_rate[[]strong-toy-camera[]]",
            "test_suite.py::test_success_rate[[]strong-toy-noise[]]",
        ]
    )


def test_all_chooses_every_model_and_every_dimension(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--collect-only", "-q", "--robust-model=all", "--robust-perturbation=all")
    result.stdout.fnmatch_lines(["*20 tests collected*"])


def test_plain_k_chooses_too(toy: pytest.Pytester) -> None:
    result = toy.runpytest("-v", "--robust-model=steady", "-k", "camera")
    result.assert_outcomes(passed=1)
    assert "-camera]" in result.stdout.str()
    assert "-noise]" not in result.stdout.str()


def test_a_policy_as_good_as_its_baseline_passes_early(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=steady")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*robustness: Toy Table*", "*camera*noise*Total*", "*PASS*PASS*"])
    result.stdout.fnmatch_lines(["*episodes decided what 120 would have said: * saved."])


@pytest.mark.everywhere
def test_a_policy_below_its_baseline_fails_with_what_a_person_needs(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=weak", "--robust-perturbation=camera")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "~* < *%, after * of 60: camera of weak on Toy Table",
            "*outcome * of * episodes succeeded, full run ~*% [[]*[]]",
            "*policy *steady-0.3*",
            "*baseline*80.0 %: arXiv 2600.00001v1, Table 1*",
            "*margin*points, raised by run-to-run noise at N=60",
            "*evidence*e-value*for a loss beyond it*",
            "*episodes*played of 60 audited*60 playable of 60 listed",
            "*failed*camera_*3 steps: pytest --robust-replay=*",
        ]
    )
    assert "Traceback" not in result.stdout.str()


@pytest.mark.everywhere
def test_without_a_baseline_a_cell_is_measured_not_passed(toy: pytest.Pytester) -> None:
    result = toy.runpytest("-rs", "--robust-model=python:toy:unnamed", "--robust-perturbation=camera")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*measured 80.0 % of 60; there is no baseline to hold it against*"])
    result.stdout.fnmatch_lines(["*MEASURED*"])


def test_a_blocked_dimension_is_skipped_with_what_would_unlock_it(toy: pytest.Pytester) -> None:
    result = toy.runpytest("-rs", "--robust-model=steady", "--robust-perturbation=light")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["*0 of 60 tasks can be played: the toy shop has no lamps; --toy-lamps would unlock it"]
    )


def test_a_model_without_a_checkpoint_is_skipped_with_that_reason(toy: pytest.Pytester) -> None:
    result = toy.runpytest("-rs", "--robust-model=secret")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*Secret: nobody has published its checkpoint"])


def test_a_model_that_nobody_serves_is_an_error(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=served")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*Served has no policy of its own here*--robust-policy=SPEC*"])


def test_a_policy_can_be_named_for_it(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=strong", "--robust-policy=python:toy:Weak", "--robust-perturbation=camera")
    result.assert_outcomes(failed=1)


def test_two_models_cannot_share_a_name(toy: pytest.Pytester) -> None:
    toy.makepyfile(other="from toy import Weak as unnamed")
    models = "--robust-model=python:toy:unnamed,python:other:unnamed"
    result = toy.runpytest("--collect-only", models)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*python:other:unnamed would be called unnamed, as another model is*policy = *"])


def test_a_budget_audits_its_own_first_tasks(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=steady", "--robust-budget=20")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*/20*/20*", "*would have said*", "*raised the margin*"])


def test_one_suite_can_be_chosen(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=steady", "--robust-suite=left", "--robust-perturbation=camera")
    # The table's number is that of both suites.
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*30/30*"])


def test_figures_travel_as_properties(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera", "--junitxml=junit.xml")
    junit = toy.path.joinpath("junit.xml").read_text()
    assert 'name="robustness_outcome" value="pass"' in junit
    assert 'name="robustness_dimension" value="camera"' in junit


def test_models_and_defaults_come_from_pyproject(toy: pytest.Pytester) -> None:
    toy.path.joinpath("tox.ini").unlink()
    toy.makepyprojecttoml(
        """
        [tool.robustplus]
        models = ["mine"]
        perturbations = ["noise"]
        baselines = ["toy_baselines.toml"]
        budget = 30

        [tool.robustplus.model.mine]
        like = "steady"
        policy = "python:toy:Weak"
        """
    )
    result = toy.runpytest("-v")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_success_rate[[]mine-toy-noise[]]*"])


def test_the_command_line_outranks_pyproject(toy: pytest.Pytester) -> None:
    toy.path.joinpath("tox.ini").unlink()
    toy.makepyprojecttoml('[tool.robustplus]\nmodels = ["weak"]\nbaselines = ["toy_baselines.toml"]\n')
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera").assert_outcomes(passed=1)


@pytest.mark.everywhere
def test_preflight_runs_first_and_stops_cells_with_its_reason(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy import PREFLIGHT

    toy.makepyfile(test_zz_preflight=PREFLIGHT)
    result = toy.runpytest("-v", "--robust-model=steady", "--robust-perturbation=camera")
    result.assert_outcomes(passed=2, skipped=1)
    # With and without workers, the outcome comes last or first in its line.
    camera = "camera.*PASSED|PASSED.*camera\\]"
    # Two workers answer two checks in either order.
    for check in ("scales.*PASSED|PASSED.*scales", "colours.*SKIPPED|SKIPPED.*colours"):
        result.stdout.re_match_lines([f".*({word}).*" for word in (check, camera)])
    monkeypatch.setenv("TOY_SCALES", "broken")
    result = toy.runpytest("-rs", "--robust-model=steady", "--robust-perturbation=camera")
    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(["The scales show 3 g with nothing on them. Calibrate them."])
    result.stdout.fnmatch_lines(["*not played: pre-flight check scales failed: The scales show 3 g*"])


@pytest.mark.everywhere
def test_a_fault_that_keeps_all_checks_from_running_is_one_error(toy: pytest.Pytester) -> None:
    from toy import PREFLIGHT

    toy.makeconftest(
        """
        from toy import Toy, pytest_robustplus_models
        from pytest_robustplus.errors import SimulatorError

        class Broken(Toy):
            def simulator(self, profile, protocol):
                raise SimulatorError("The toy shop is closed.")

        def pytest_robustplus_benchmarks(settings):
            return [Broken(settings.protocol)]
        """
    )
    toy.makepyfile(test_zz_preflight=PREFLIGHT)
    result = toy.runpytest("-rs", "--robust-model=steady", "--robust-perturbation=camera")
    result.assert_outcomes(errors=1, skipped=2)
    assert len([line for line in result.outlines if line == "The toy shop is closed."]) == 1
    result.stdout.fnmatch_lines_random(["*check * has failed, and this one cannot be run: The toy shop is closed.*"])


def test_a_policy_that_fails_in_the_checks_is_one_error(toy: pytest.Pytester) -> None:
    from toy import PREFLIGHT

    toy.makeconftest(
        """
        from toy import Toy, pytest_robustplus_models
        from pytest_robustplus import Check

        def ask(context):
            context.simulator.reset(context.tasks[0])
            context.policy.act([context.simulator.observe()])

        class Asking(Toy):
            def checks(self):
                return [Check("shapes", ask), Check("motion", ask)]

        def pytest_robustplus_benchmarks(settings):
            return [Asking(settings.protocol)]
        """
    )
    toy.makepyfile(test_zz_preflight=PREFLIGHT)
    policy = ["--robust-model=steady", "--robust-policy=python:toy:Wide"]
    result = toy.runpytest("-rs", *policy, "--robust-perturbation=camera")
    result.assert_outcomes(errors=1, skipped=2)
    said = "*check shapes has failed, and this one cannot be run: *an array of shape*"
    result.stdout.fnmatch_lines_random([f"SKIPPED [[]1[]] test_zz_preflight.py:*: {said}"])


def test_a_rerun_plays_in_the_same_order(toy: pytest.Pytester) -> None:
    from pytest_robustplus.ledger import Ledger

    for _ in range(2):
        toy.runpytest("--robust-model=weak", "--robust-perturbation=camera", "--robust-ledger=l.sqlite")
    counted = []
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        for audit in ledger.audits():
            assert audit.conclusion is not None
            # Helpers may have played a few beyond the verdict.
            counted.append([e.record for e in ledger.episodes(audit.id) if e.position < audit.conclusion.played])
    first, second = counted
    assert [episode.task for episode in first] == [episode.task for episode in second]
    facts = first[0].provenance
    assert facts["toy"] == "1.0"
    assert json.loads(facts["protocol"])["prompt_source"] == "task_language"


@pytest.mark.parametrize("line", ["cell.not_worse_than(cell.baseline)", "return cell.not_worse_than(cell.baseline)"])
def test_a_lost_cell_is_red_whatever_its_suite_does_with_the_answer(toy: pytest.Pytester, line: str) -> None:
    toy.makepyfile(
        test_suite=f"import pytest\n@pytest.mark.robustness('toy')\ndef test_success_rate(cell):\n    {line}\n"
    )
    result = toy.runpytest(
        "--robust-model=weak", "--robust-perturbation=camera", "-W", "ignore::pytest.PytestReturnNotNoneWarning"
    )
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_question_that_is_compiled_away_with_its_assert_is_no_pass(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    result = toy.runpytest_subprocess(
        "--robust-model=weak", "--robust-perturbation=camera", "--assert=plain", "-p", "no:warnings"
    )
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*Nothing was played: the test's assertion was compiled away*"])
