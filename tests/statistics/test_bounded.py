"""The e-value for a mean of bounded figures, proven by playing every order of every small population."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest

from pytest_robustplus.statistics.bounded import MeanPlan
from pytest_robustplus.statistics.evalues import Verdict

HALVES = (0.0, 0.5, 1.0)
THIRDS = (0.0, 1 / 3, 2 / 3, 1.0)


def populations(values: Sequence[float], total: int) -> list[tuple[float, ...]]:
    return list(combinations_with_replacement(values, total))


def orders(population: Sequence[float]) -> Counter[tuple[float, ...]]:
    """Every order in which a population may be played, with how many of all permutations give it."""
    return Counter(permutations(population))


@pytest.mark.parametrize(("values", "total"), [(HALVES, 1), (HALVES, 3), (HALVES, 5), (THIRDS, 4), ((0.0, 1.0), 6)])
@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.4])
def test_no_small_population_is_answered_wrongly_more_often_than_allowed(
    values: Sequence[float], total: int, alpha: float
) -> None:
    for needed in (0.2, 0.34, 0.5, 0.75, 1.0):
        plan = MeanPlan(total, needed, alpha, alpha)
        for population in populations(values, total):
            reaches = math.fsum(population) >= total * needed - 1e-9
            wrong, all_orders = 0, 0
            for order, count in orders(population).items():
                found = plan.decide(order)
                assert found is not None  # every question is answered when all tasks are played
                wrong += count * ((found[1] is Verdict.PASS) != reaches)
                all_orders += count
            assert wrong <= alpha * all_orders, (needed, population)


@pytest.mark.parametrize(("values", "total"), [(HALVES, 4), (THIRDS, 4), (HALVES, 5)])
def test_no_bet_has_a_favourable_game_under_its_null(values: Sequence[float], total: int) -> None:
    for population in populations(values, total):
        mean = math.fsum(population) / total
        for needed in (0.25, 0.5, 0.6, 1.0):
            plan = MeanPlan(total, needed)
            traced = [(count, *plan.traces(order)) for order, count in orders(population).items()]
            weights = np.array([count for count, _, _ in traced]) / sum(count for count, _, _ in traced)
            above = weights @ np.exp([trace for _, trace, _ in traced])
            below = weights @ np.exp([trace for _, _, trace in traced])
            if mean <= needed:
                assert above.max() <= 1 + 1e-9, (population, needed)
            if mean >= needed:
                assert below.max() <= 1 + 1e-9, (population, needed)


@pytest.mark.parametrize(("shares", "expected"), [((0.05, 0.1, 0.85), Verdict.PASS), ((0.85, 0.1, 0.05), Verdict.FAIL)])
def test_a_clear_case_takes_few_of_many_tasks(shares: Sequence[float], expected: Verdict) -> None:
    figures = [float(figure) for figure in np.random.default_rng(1).choice(HALVES, 400, p=shares)]
    found = MeanPlan(400, 0.5).decide(figures)
    assert found is not None
    assert found[1] is expected
    assert found[0] < 40


def test_arithmetic_alone_answers_what_cannot_change_any_more() -> None:
    plan = MeanPlan(4, 0.5, 1e-9, 1e-9)
    assert plan.decide([1.0, 0.5]) is None
    assert plan.decide([1.0, 1.0]) == (2, Verdict.PASS)
    assert plan.decide([0.0, 0.0, 0.5]) == (3, Verdict.FAIL)
    assert plan.log_evalues([1.0, 1.0]).log_pass == math.inf


@pytest.mark.parametrize(
    ("total", "needed", "alpha"), [(0, 0.5, 0.05), (4, 0.0, 0.05), (4, 1.5, 0.05), (4, 0.5, 0.0), (4, 0.5, 1.0)]
)
def test_what_is_no_question_is_refused(total: int, needed: float, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"needs|needed|error rate"):
        MeanPlan(total, needed, alpha)


def test_figures_beyond_their_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        MeanPlan(4, 0.5).log_evalues([1.5])
