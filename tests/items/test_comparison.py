"""Comparing policies, as a user does: live, against the ledger, against an accepted file, spread, resumed, refused."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from toy import COMPARISON, SUITE

import pytest_robustplus.reporting
from pytest_robustplus.evaluation.comparison import Contest
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.results.comparison import ComparisonReport

SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())
BOTH = SUITE + COMPARISON
GATES = """
import pytest

@pytest.mark.robustness("toy")
def test_better(comparison):
    assert comparison.better()

@pytest.mark.robustness("toy")
def test_not_worse(comparison):
    assert comparison.not_worse()

@pytest.mark.robustness("toy")
def test_equivalent(comparison):
    comparison.equivalent()
"""

CAMERA = "--robust-perturbation=camera"


def compared(result: pytest.RunResult) -> list[ComparisonReport]:
    """The reports of an in-process run, in the order of its items."""
    recorded = result.reprec  # type: ignore[attr-defined]  # pytester sets it and does not declare it
    finished = [report for report in recorded.getreports("pytest_runtest_logreport") if report.when == "call"]
    return [found for report in finished if (found := ComparisonReport.read(report.user_properties)) is not None]


def run(toy: pytest.Pytester, *arguments: str, suite: str = BOTH) -> ComparisonReport:
    """Compare once and return what was found."""
    toy.makepyfile(test_suite=suite)
    result = toy.inline_run(CAMERA, *arguments)
    reports = result.getreports("pytest_runtest_logreport")
    found = [ComparisonReport.read(report.user_properties) for report in reports if report.when == "call"]
    (report,) = [one for one in found if one is not None]
    return report


@pytest.mark.everywhere
def test_one_item_a_dimension_says_who_is_better(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest("--robust-compare=strong:weak")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "*strong against weak: Toy Table*",
            "camera *100.0 %*[[]*[]]*/60 *strong is better",
            "noise *100.0 %*[[]*[]]*/60 *strong is better",
            "*α 0.025 a side, the share of each of 2 comparisons*",
            "* of 240 episodes were needed, 0 of them known before.",
            "camera: only strong solved *, only weak 0 (McNemar p 0.0*);*",
            "  only strong*camera_*: pytest *--robust-replay=*",
        ]
    )


def test_without_the_option_nothing_is_compared_and_with_it_nothing_else_is_played(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    plain = toy.runpytest("--robust-model=steady", "--collect-only", "-q").outlines
    assert not [line for line in plain if "test_comparison" in line]
    both = toy.runpytest("--robust-compare=strong:weak", "--collect-only", "-q").outlines
    assert not [line for line in both if "test_success_rate" in line]
    assert "test_suite.py::test_comparison[strong-vs-weak-toy-camera]" in both


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        (["--robust-model=steady"], 2),
        (["--robust-compare=strong:weak"], 2),
        (["--robust-model=steady", "--robust-shard=1/2"], 2),
    ],
)
def test_what_is_collected_is_what_is_listed(toy: pytest.Pytester, options: list[str], listed: int) -> None:
    toy.makepyfile(test_suite=BOTH)
    lines = toy.runpytest_inprocess("-n0", *options, "--collect-only").outlines
    assert f"collected {listed} items" in lines
    assert sum("<Function " in line for line in lines) == listed


@pytest.mark.parametrize(
    ("test", "options", "said"),
    [
        (
            "test_comparison",
            ["--robust-model=steady"],
            "test_comparison has nothing to compare: name two models with --robust-compare=A:B.",
        ),
        (
            "test_success_rate",
            ["--robust-compare=strong:weak"],
            "test_success_rate has nothing to ask: with --robust-c",
        ),
        (
            "test_comparison",
            ["--robust-model=steady", "--robust-shard=1/2"],
            "test_comparison has nothing to ask: --robust-shard plays cells",
        ),
    ],
)
def test_a_test_named_by_its_id_is_not_left_out_without_a_word(
    toy: pytest.Pytester, test: str, options: list[str], said: str
) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest("-n0", f"test_suite.py::{test}", *options)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said}*"])


def test_pairs_are_the_same_tasks_in_one_order_that_belongs_to_both(toy: pytest.Pytester) -> None:
    one, other = run(toy, "--robust-compare=strong:weak"), run(toy, "--robust-compare=weak:strong", "--robust-fresh")
    assert one.order_seed == other.order_seed
    assert (one.answer, other.answer) == ("first", "second")
    assert one.pairs == other.pairs
    assert [d.task for d in one.discordant] == [d.task for d in other.discordant]
    assert one.differences[0].lower == -other.differences[0].upper


def test_the_two_are_interleaved_and_take_turns_at_going_first(toy: pytest.Pytester) -> None:
    report = run(toy, "--robust-compare=strong:weak", "--robust-ledger=l.sqlite")
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        played = [episode for side in report.sides for episode in ledger.episodes(side.audit)]
        who = {side.audit: side.model for side in report.sides}
    assert len(played) == 2 * report.pairs
    turns = [(e.position, who[e.audit]) for e in sorted(played, key=lambda e: e.id)]
    expected = [(p, name) for p in range(report.pairs) for name in (("strong", "weak"), ("weak", "strong"))[p % 2]]
    assert turns == expected


def test_what_the_ledger_knows_is_not_played_twice(toy: pytest.Pytester) -> None:
    arguments = ["--robust-ledger=l.sqlite", CAMERA]
    toy.runpytest(*arguments, "--robust-model=weak", "--robust-baseline=none").assert_outcomes(skipped=1)
    first = run(toy, "--robust-compare=strong:weak", "--robust-ledger=l.sqlite")
    strong, weak = first.sides
    assert (strong.reused, weak.reused) == (0, first.pairs)
    again = run(toy, "--robust-compare=strong:weak", "--robust-ledger=l.sqlite")
    assert [side.reused for side in again.sides] == [first.pairs, first.pairs]
    assert (again.answer, again.pairs) == (first.answer, first.pairs)
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert sum(len(ledger.episodes(side.audit)) for side in again.sides) == 0


def test_against_an_accepted_file_of_any_model(toy: pytest.Pytester) -> None:
    everything = [CAMERA, "--robust-model=weak", "--robust-baseline=none", "--robust-accept=weak.toml"]
    toy.runpytest(*everything).assert_outcomes(skipped=1)
    report = run(toy, "--robust-compare=strong:weak.toml", "--robust-ledger=new.sqlite")
    assert report.models == ("strong", "recorded_weak")
    assert report.answer == "first"
    assert report.pairs < 20
    assert "recorded 20" in report.sides[1].recorded
    both = run(toy, "--robust-compare=weak.toml:steady", "--robust-ledger=new.sqlite")
    assert both.answer == "second"


def test_what_is_recorded_takes_no_time(toy: pytest.Pytester) -> None:
    everything = [CAMERA, "--robust-model=weak", "--robust-baseline=none", "--robust-accept=weak.toml"]
    toy.runpytest(*everything).assert_outcomes(skipped=1)
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest(CAMERA, "--robust-compare=strong:weak.toml", "--robust-budget=1")
    result.stdout.fnmatch_lines(
        ["1 comparison: 1 episode at most; *the ledger has none of strong", "1 of 60 episodes was needed, 0 of them *"]
    )


def test_two_recorded_runs_are_compared_exactly(toy: pytest.Pytester) -> None:
    for name in ("weak", "steady"):
        chosen = [f"--robust-model={name}", "--robust-baseline=none", f"--robust-accept={name}.toml"]
        toy.runpytest(CAMERA, *chosen).assert_outcomes(skipped=1)
    report = run(toy, "--robust-compare=weak.toml:steady.toml")
    found = report.differences[0]
    assert (report.pairs, found.lower, found.upper) == (60, -30, -30)
    assert (report.answer, report.beyond_noise) == ("second", True)


def test_equal_policies_are_found_equal(toy: pytest.Pytester) -> None:
    report = run(toy, "--robust-compare=steady:python:toy:unnamed".replace(":python", ",python"), "--robust-margin=20")
    assert report.answer == "equal"
    assert report.pairs < 60
    assert report.differences[0][3:5] == (0, 0)


def test_gates_turn_red_with_their_story(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=GATES)
    result = toy.runpytest(CAMERA, "--robust-compare=weak:strong", "--robust-ledger=l.sqlite")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "-* points, weak better than strong: NO, after * pairs: camera, weak against strong on Toy Table",
            "  weak − strong: -* points; only one solves 0 and *; McNemar p *",
            "*only strong*pytest *--robust-replay*",
        ]
    )
    toy.runpytest(CAMERA, "--robust-compare=strong:weak", "-k", "better or worse").assert_outcomes(passed=2)


@pytest.mark.everywhere
def test_the_set_that_nobody_beats(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest(CAMERA, "--robust-compare=weak,strong,steady")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["camera*strong beats the others", "*beaten at *", "* of 180 episodes were needed*"])


def test_beaten_policies_stop_playing(toy: pytest.Pytester) -> None:
    report = run(toy, "--robust-compare=weak,strong,steady", "--robust-ledger=l.sqlite")
    assert report.unbeaten == ("strong",)
    weak, strong, steady = report.sides
    assert weak.played < steady.played == strong.played == report.pairs
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        assert [len(ledger.episodes(side.audit)) for side in report.sides] == [side.played for side in report.sides]


def test_spreading_changes_nothing(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    found = set()
    for number, spread in enumerate((["-n0"], ["-n3"], ["-n0", "--robust-simulators=4"])):
        result = toy.runpytest(CAMERA, "--robust-compare=steady:weak", f"--robust-ledger={number}.sqlite", *spread)
        result.assert_outcomes(passed=1)
        found.add(next(re.sub(r"\s+", " ", line) for line in result.outlines if "is better" in line))
    assert len(found) == 1


def test_a_pool_plays_comparisons_and_cells_at_once_with_the_same_answers(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.makepyfile(test_suite=BOTH)
    chosen = ["--robust-compare=steady:weak", "--robust-model=steady", "--robust-perturbation=camera,noise"]
    alone = compared(toy.runpytest(*chosen, "--robust-ledger=one.sqlite", "-n0"))
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    result = toy.runpytest(*chosen, "--robust-ledger=pool.sqlite", "--robust-simulators=6", "-n0")
    together = compared(result)
    assert [one.dimension for one in together] == ["camera", "noise"]
    assert [facts(one) for one in together] == [facts(one) for one in alone]
    database = sqlite3.connect(toy.path / "pool.sqlite")
    rows = database.execute(
        """SELECT part.audit, min(started), concluded FROM episode JOIN part ON part.audit = episode.audit
        JOIN audit ON audit.id = part.audit GROUP BY part.audit"""
    )
    when = {audit: (began, concluded) for audit, began, concluded in rows}
    first, second = ([when[side.audit] for side in one.sides] for one in together)
    assert max(began for began, _ in second) < min(concluded for _, concluded in first), "both are at play at once"
    assert database.execute("SELECT count(*) FROM claim").fetchone() == (0,)
    database.close()


def test_both_sides_play_in_scenes_of_their_own_that_step_together(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    chosen = ["--robust-compare=steady:weak", "--robust-perturbation=camera,noise", "-n0"]
    alone = compared(toy.runpytest(*chosen))
    toy.makeconftest(
        """
        from together import pytest_robustplus_benchmarks
        from toy import pytest_robustplus_models
        """
    )
    together = compared(toy.runpytest(*chosen, "--robust-fresh", "--robust-simulators=5"))
    assert [facts(one) for one in together] == [facts(one) for one in alone]


def facts(report: ComparisonReport) -> tuple[object, ...]:
    """What a comparison found, whoever played it when."""
    sides = [(side.model, side.successes, side.played) for side in report.sides]
    return report.answer, report.pairs, sides, report.differences, [found.task for found in report.discordant]


def test_a_fault_is_an_error_and_the_next_run_goes_on(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.makepyfile(test_suite=BOTH)
    faults = toy.path / "faults"
    faults.write_text("3")
    monkeypatch.setenv("TOY_FAULTS", str(faults))
    arguments = [CAMERA, "--robust-compare=strong:weak", "--robust-ledger=l.sqlite"]
    broken = toy.runpytest(*arguments)
    assert broken.parseoutcomes() == {"errors": 1}
    broken.stdout.fnmatch_lines(["*the physics exploded*"])
    toy.runpytest(*arguments).assert_outcomes(passed=1)


def test_a_budget_ends_the_playing_and_leaves_the_question(toy: pytest.Pytester) -> None:
    """Ten equal pairs are no proof about sixty tasks: undecided, with an interval that says so."""
    pair = "--robust-compare=steady:python:toy:unnamed".replace(":python", ",python")
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest(CAMERA, pair, "--robust-budget=5,camera=10")
    result.assert_outcomes(skipped=1)
    (report,) = compared(result)
    assert (report.total, report.pairs, report.answer) == (60, 10, "undecided")
    (difference,) = report.differences
    assert difference.lower < 0 < difference.upper
    result.stdout.fnmatch_lines(["*undecided after 10*"])


def test_a_budget_of_several_leaves_whoever_is_not_beaten_on_the_whole_list(toy: pytest.Pytester) -> None:
    """Four tasks decide four tasks, and not sixty."""
    toy.makepyfile(test_suite=BOTH)
    (report,) = compared(toy.runpytest(CAMERA, "--robust-compare=strong,steady,weak", "--robust-budget=4"))
    assert (report.total, report.pairs, report.unbeaten) == (60, 4, ("strong", "steady", "weak"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("steady", "must name two models as A:B"),
        ("steady:steady", "names 'steady' twice"),
        ("steady:", "must name two models"),
        ("steady:stedy", "stedy*steady"),
        ("steady:nowhere.toml", "there is no such file"),
        ("steady:broken.toml", "broken.toml is not valid TOML"),
        ("steady,recorded:nobody", "holds no episode of nobody"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_paragraph(toy: pytest.Pytester, value: str, said: str) -> None:
    toy.makepyfile(test_suite=BOTH)
    toy.path.joinpath("broken.toml").write_text("[[table")
    result = toy.runpytest(CAMERA, f"--robust-compare={value}")
    # What the ledger holds of a model is asked for when it is needed.
    late = value.endswith("nobody")
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if late else pytest.ExitCode.USAGE_ERROR)
    assert re.search(said.replace("*", ".*"), result.stdout.str() + result.stderr.str(), re.DOTALL)
    assert "Traceback" not in result.stdout.str()


def test_one_way_of_reaching_is_not_for_several(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest("--robust-compare=strong:weak", "--robust-policy=zero")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--robust-policy says how to reach one model, and --robust-compare names several*"])


def test_an_answer_that_is_looked_for_late_is_that_of_the_same_pairs(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where helpers had played the last task by then, all tasks counted."""
    chosen = ["--robust-compare=strong:weak", "--robust-fresh"]
    prompt = run(toy, *chosen)
    judged = Contest._judged_pairs

    def late(contest: Contest) -> bool:
        return all(side.known == contest._total for side in contest._sides) and judged(contest)

    monkeypatch.setattr(Contest, "_judged_pairs", late)
    found = run(toy, *chosen)
    assert (found.answer, found.pairs) == (prompt.answer, prompt.pairs)
    assert 0 < found.pairs < found.total


def test_a_checkpoint_played_twice_tells_its_own_noise(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    chosen = [CAMERA, "--robust-model=steady", "--robust-baseline=none", "--robust-ledger=l.sqlite"]
    files = [f"--robust-{name}=r.{name}" for name in ("json", "markdown", "html")]
    result = toy.runpytest(*chosen, "--robust-repeat=20", "--robust-accept=steady.toml", *files)
    result.assert_outcomes(skipped=1)
    twice = "played twice, 0 of 20 tasks came out differently ("
    result.stdout.fnmatch_lines([f"steady, camera: {twice}*): two runs differ *"])
    assert f"camera: {twice}" in (toy.path / "r.markdown").read_text()
    assert twice in (toy.path / "r.html").read_text()
    text = toy.path.joinpath("steady.toml").read_text()
    assert "[recorded.repeats]\ncamera = { n = 20, discordant = 0 }\n" in text
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        again = [audit for audit in ledger.audits() if audit.key.model == "steady_again"]
        assert [len(ledger.episodes(audit.id)) for audit in again] == [20]


def test_a_policy_that_draws_lots_differs_from_itself(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        test_suite=BOTH,
        lots="""
        import random
        from toy import Steady

        class Lots(Steady):
            def __init__(self):
                super().__init__(0.5)
                self.random = random.Random(1)

            def reset(self, slot, instruction):
                self.strength = self.random.random()
        """,
    )
    chosen = [CAMERA, "--robust-model=python:lots:Lots", "--robust-baseline=none", "--robust-ledger=l.sqlite"]
    for spread in (["-p", "no:xdist"], ["--robust-simulators=2"]):
        result = toy.runpytest(*chosen, "--robust-repeat=40", "--robust-fresh", *spread)
        line = next(line for line in result.outlines if "played twice" in line)
        discordant = int(re.search(r"twice, (\d+) of 40", line)[1])  # type: ignore[index]
        assert 5 < discordant < 30


def test_too_few_repeats_set_no_margin(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest(CAMERA, "--robust-model=steady", "--robust-baseline=none", "--robust-repeat=5")
    result.stdout.fnmatch_lines(["*5 tasks played twice, 0 with different outcomes: too few to set a margin by."])


def test_files_and_the_page_tell_of_comparisons(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    outputs = ["--robust-json=r.json", "--robust-html=r.html", "--robust-markdown=r.md"]
    toy.runpytest("--robust-compare=strong:weak", "--robust-compare=strong,weak,steady", *outputs).assert_outcomes(
        passed=4
    )
    document = json.loads(toy.path.joinpath("r.json").read_text())
    jsonschema.validate(document, SCHEMA)
    two, several = (next(c for c in document["comparisons"] if len(c["models"]) == n) for n in (2, 3))
    assert (two["says"], two["family"]) == ("strong is better", 4)
    assert {one["solver"] for one in two["discordant"]} == {"strong"}
    assert several["unbeaten"] == ["strong"]
    page = toy.path.joinpath("r.html").read_text()
    assert "<h2>strong against weak: Toy Table</h2>" in page
    assert "Difference of success rates" in page
    assert "tasks that only one of the two solves" in page
    assert "strong over weak, part by part" in page
    markdown = toy.path.joinpath("r.md").read_text()
    assert "### strong against weak: Toy Table" in markdown
    assert "strong is better" in markdown


def test_the_margin_against_an_accepted_run_knows_its_measured_noise(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    accept = [CAMERA, "--robust-model=steady", "--robust-baseline=none", "--robust-accept=steady.toml"]
    arguments = [
        CAMERA,
        "--robust-model=steady",
        "--robust-baseline=steady.toml",
        "--robust-margin=0",
        "--robust-fresh",
    ]
    margins = []
    for repeat in ([], ["--robust-repeat=40"]):
        toy.runpytest(*accept, *repeat).assert_outcomes(skipped=1)
        toy.runpytest(*arguments, "--robust-fresh", "--robust-json=r.json").assert_outcomes(passed=1)
        margins.append(json.loads(toy.path.joinpath("r.json").read_text())["cells"][0]["margin"])
    assert margins[1] < margins[0]


@pytest.mark.parametrize("spread", [["-p", "no:xdist"], ["-n2"]])
def test_both_runs_of_a_repeat_are_played_where_the_cell_has_not_played_its_tasks(
    toy: pytest.Pytester, spread: list[str]
) -> None:
    """It waited for ever for the second run of the first task, before the first run had ended."""
    toy.makepyfile(test_suite=BOTH)
    chosen = [CAMERA, "--robust-model=steady", "--robust-baseline=none", "--robust-budget=4", "--robust-repeat=12"]
    command = [sys.executable, "-m", "pytest", *chosen, *spread]
    result = toy.run(*command, timeout=60)
    result.stdout.fnmatch_lines(["steady, camera: played twice, 0 of 12 tasks came out differently*"])


def test_an_accepted_runs_own_noise_says_what_is_beyond_it(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    accept = [CAMERA, "--robust-model=weak", "--robust-baseline=none", "--robust-accept=weak.toml"]
    toy.runpytest(*accept, "--robust-repeat=40").assert_outcomes(skipped=1)
    measured, worst = run(toy, "--robust-compare=steady:weak.toml"), run(toy, "--robust-compare=steady:weak")
    assert (measured.noise_measured, worst.noise_measured) == (True, False)
    assert measured.noise < worst.noise


def test_where_two_policies_differ_most_goes_into_the_corpus(toy: pytest.Pytester) -> None:
    suite = """
    import pytest

    @pytest.mark.robustness("toy")
    def test_contrast(contrast):
        assert contrast.search()
    """
    toy.makepyfile(test_suite=suite)
    arguments = ["--robust-compare=strong:weak", "--robust-corpus=c.json", "--robust-budget=40"]
    files = ["--robust-json=r.json", "--robust-markdown=r.md", "--robust-html=r.html"]
    result = toy.runpytest(CAMERA, *arguments, *files)
    result.assert_outcomes(passed=1)
    # Only the terminal and the corpus had it.
    document = json.loads(toy.path.joinpath("r.json").read_text())
    jsonschema.validate(document, SCHEMA)
    (found,) = document["contrasts"]
    assert (found["models"], found["dimension"], found["played"]) == (["strong", "weak"], "camera", 20)
    for name in ("r.md", "r.html"):
        assert found["says"] in unescape(toy.path.joinpath(name).read_text())
    result.stdout.fnmatch_lines(
        [
            "1 search: 360 episodes at most*",
            "strong against weak, generated camera: strong * and weak * of 20 fresh episodes under *",
        ]
    )
    (case,) = json.loads(toy.path.joinpath("c.json").read_text())
    assert (case["model"], case["benchmark"]) == ("strong-vs-weak", "toy")
    toy.runpytest("--robust-perturbation=light", *arguments).assert_outcomes(skipped=1)


def accepted(toy: pytest.Pytester, *more: str) -> str:
    toy.runpytest(CAMERA, "--robust-model=weak", "--robust-baseline=none", "--robust-accept=w.toml", *more)
    return toy.path.joinpath("w.toml").read_text()


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        (lambda text: re.sub(r'task_list_sha256 = "\w+"', 'task_list_sha256 = "0"', text), "another task list of toy"),
        (lambda text: text.replace('benchmark = "toy"', 'benchmark = "libero_plus"'), "holds nothing about camera"),
        (lambda text: "", "holds nothing about camera"),
        (lambda text: text[: len(text) // 2], "cannot be read|not valid|edited or cut short|must be"),
    ],
)
def test_a_file_of_something_else_is_not_compared(toy: pytest.Pytester, mend: Any, said: str) -> None:
    toy.makepyfile(test_suite=BOTH)
    toy.path.joinpath("w.toml").write_text(mend(accepted(toy)))
    result = toy.runpytest(CAMERA, "--robust-compare=steady:w.toml")
    assert result.ret != 0
    assert re.search(said, result.stdout.str() + result.stderr.str())
    assert "Traceback" not in result.stdout.str()


def test_a_published_rate_cannot_be_paired(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    result = toy.runpytest(CAMERA, "--robust-compare=weak:toy_baselines.toml")
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*holds only a rate, and pairing needs outcomes task by task*"])


def test_other_prompts_and_an_early_stop_are_said(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    text = accepted(toy, "--robust-protocol=prompt_source=bddl")
    toy.path.joinpath("w.toml").write_text(text.replace('task_list = "', 'task_list = "early verdict in camera, '))
    report = run(toy, "--robust-compare=steady:w.toml")
    assert "prompts differ: task_language for steady, bddl for recorded_w" in texts(report.notes)


def test_recorded_on_other_tasks_only_is_refused(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=BOTH)
    accepted(toy, "--robust-suite=left")
    result = toy.runpytest(CAMERA, "--robust-compare=steady:w.toml", "--robust-suite=right")
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*there is no task that all of these policies can be compared on*"])
