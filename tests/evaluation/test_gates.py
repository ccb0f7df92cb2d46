"""How long a cell that has passed plays on to tell whether it is far above its paper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from pytest_robustplus.baselines import Baseline, Printed
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.evaluation.gates import WATCHED, Gate, Watch, gates
from pytest_robustplus.evaluation.population import Population
from pytest_robustplus.options import Settings
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.statistics.evalues import Plan, Verdict, noise_floor, plan
from pytest_robustplus.statistics.sequential import Counted, Mirrored

# The default question of one of seven cells of 1,400 tasks, against a paper's 60 %.
PLAN = plan(0.6, 1400, 0.05, 0.05, 0.01 / 7).plan


def played(question: Plan, outcomes: list[bool]) -> tuple[int, int]:
    """After how many episodes the cell has passed, and has stopped."""
    passed = next(n for n in range(1, question.total + 1) if question.verdict(n, sum(outcomes[:n])) is Verdict.PASS)
    watch = Watch([question])
    for count in range(passed, question.total + 1):
        stop = watch.stop(outcomes[:count], passed)
        if stop is not None:
            return passed, stop
    raise AssertionError("it plays on beyond the last task")


def asked(
    outcomes: list[bool], *, questions: int = 1, stopped: int | None = None, two_sided: bool = False
) -> list[Gate]:
    """The gates of a cell that is held against an accepted run with these outcomes, or the first of them."""
    tasks = [Task(f"task {number}", "", "", Dimension.CAMERA) for number in range(len(outcomes))]
    recorded = {task.name: outcome for task, outcome in zip(tasks[:stopped], outcomes, strict=False)}
    of = sum(recorded.values()) / len(recorded)
    baseline = Baseline(
        "toy", "toy", Dimension.CAMERA, of, len(recorded), "accepted", "unstated", "", "", outcomes=recorded
    )
    population = Population(tuple(tasks[:stopped]), len(tasks), len(tasks), "seed", len(recorded))
    settings = Settings(two_sided=two_sided)
    return gates([baseline], population, settings, questions).gates


@pytest.mark.parametrize(("total", "questions"), [(50, 7), (100, 7), (100, 28)])
def test_an_unchanged_stochastic_policy_turns_a_run_red_by_its_own_accepted_run_once_in_a_hundred(
    total: int, questions: int
) -> None:
    """Exactly: over all accepted and all new counts, of cells played to their end."""
    for rate in (0.5, 0.75, 0.9):
        worth = binom.pmf(range(total + 1), total, rate)
        red = 0.0
        for count in range(total + 1):
            if worth[count] < 1e-9:
                continue
            found = asked([place < count for place in range(total)], questions=questions)
            if found:
                red += worth[count] * binom.cdf(found[0].planned.plan.needed - 1, total, rate)
        assert red <= 0.01 / questions


def test_an_accepted_run_that_stopped_early_is_worth_half_of_the_level() -> None:
    outcomes = [place % 4 > 0 for place in range(400)]
    early, full = asked(outcomes, stopped=100, questions=7)[0], asked(outcomes[:100], questions=7)[0]
    assert early.planned.margin > full.planned.margin
    assert early.planned.margin == pytest.approx(noise_floor(0.75, 100, 0.01 / 14), abs=0.01)


def test_both_sides_of_an_accepted_run_are_asked_in_pairs() -> None:
    before = [place % 2 == 0 for place in range(100)]
    worse, better = asked(before, two_sided=True)
    assert (worse.side, better.side) == ("regress", "above")
    # An identical rerun clears the cell of a gain, too, sooner by pairs.
    unpaired = Mirrored(Counted(better.planned.plan))
    assert better.test.log_evalues(before[:40]).log_pass > unpaired.log_evalues(before[:40]).log_pass + 1


def test_a_cell_far_above_plays_on_until_that_is_known() -> None:
    passed, stop = played(PLAN, [True] * 1400)
    assert passed < stop <= WATCHED * passed
    assert not PLAN.above(passed, passed)
    assert not PLAN.above(stop - 1, stop - 1)
    assert PLAN.above(stop, stop)


def test_a_cell_like_its_paper_stops_where_it_passes() -> None:
    draws = np.random.default_rng(np.random.SeedSequence(5))
    more = []
    for _ in range(10):
        outcomes = draws.permutation([True] * 840 + [False] * 560).tolist()
        passed, stop = played(PLAN, outcomes)
        more.append(stop / passed)
    assert np.mean(more) < 1.05


def test_where_it_stops_depends_on_the_order_alone() -> None:
    """Whoever looks, after each episode or once in a while, with or without knowing more of the order."""
    draws = np.random.default_rng(np.random.SeedSequence(6))
    outcomes = draws.permutation([True] * 1260 + [False] * 140).tolist()
    passed, stop = played(PLAN, outcomes)
    assert passed < stop
    assert Watch([PLAN]).stop(outcomes, passed) == stop
    now_and_then = Watch([PLAN])
    looks = (now_and_then.stop(outcomes[:count], passed) for count in range(passed, 1400, 7))
    assert next(found for found in looks if found is not None) == stop


def test_nothing_is_awaited_that_cannot_come() -> None:
    near_the_top = plan(0.98, 200, 0.05).plan
    assert near_the_top.baseline + near_the_top.margin >= 200
    passed, stop = played(near_the_top, [True] * 200)
    assert stop == passed
    assert Watch([]).stop([True], 1) == 1


def test_a_range_of_other_papers_is_said_with_its_ends() -> None:
    printed = tuple(Printed(rate, source) for rate, source in ((0.53, "arXiv 1"), (0.7, "arXiv 2"), (0.876, "arXiv 3")))
    population = Population((), 9, 9, "", 9)

    def said(elsewhere: tuple[Printed, ...]) -> list[str]:
        baseline = Baseline("pi05", "toy", Dimension.CAMERA, 0.6, 9, "a paper", "unstated", "", "", elsewhere=elsewhere)
        return texts(population.notes(baseline))

    assert said(printed) == ["printed elsewhere: 53.0 % (arXiv 1) to 87.6 % (arXiv 3), 3 results in all"]
    assert said(printed[:1]) == ["printed elsewhere: 53.0 % (arXiv 1)"]


def test_how_far_a_verdict_is_away_is_foreseen_as_surely_as_is_asked_for() -> None:
    generator, asked, seen, chances = np.random.default_rng(5), plan(0.75, 400, 0.05), 40, (0.5, 0.7, 0.9)
    hits = []
    while len(hits) < 150:
        outcomes = generator.random(400) < generator.uniform()
        gate = Gate(None, asked, None, "validate")  # type: ignore[arg-type]
        gate.update(outcomes[:seen].tolist())
        if gate.decision is None:
            reaches = [gate.foreseen(seen, int(outcomes[:seen].sum()), chance) for chance in chances]
            assert reaches == sorted(reaches)
            gate.update(outcomes.tolist())
            assert gate.decision is not None
            hits.append([gate.decision.played <= reach for reach in reaches])
    # A verdict that fell before is not taken back, so that each is a little surer than asked for.
    assert np.mean(hits, axis=0) == pytest.approx([0.6, 0.8, 0.95], abs=0.1)


@pytest.mark.parametrize("seen", [20, 25, 28, 35, 40])
def test_both_sides_foresee_alike(seen: int) -> None:
    asked = plan(0.5, 400, 0.05)
    below = Gate(None, asked, None, "validate").foreseen(40, seen, 0.8)  # type: ignore[arg-type]
    assert Gate(None, asked, None, "above").foreseen(40, 40 - seen, 0.8) == below  # type: ignore[arg-type]
