"""What a falling curve may be: intervals that hold whatever its shape, and rises that no falling curve explains."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pytest_robustplus.statistics.monotone import crossing, falling, rise


def points(rates: dict[int, float], played: int, seed: int) -> list[tuple[int, int, int]]:
    draws = np.random.default_rng(np.random.SeedSequence([seed, 21]))
    return [(step, int(draws.binomial(played, rate)), played) for step, rate in rates.items()]


def test_the_best_falling_curve_is_the_best_of_all() -> None:
    """Against every falling curve on a grid."""
    won, played = np.array([3.0, 5.0, 1.0, 2.0]), np.array([5.0, 6.0, 4.0, 5.0])
    best = falling(won, played)
    assert (np.diff(best) <= 0).all()
    grid = np.linspace(0.05, 0.95, 19)

    def likelihood(rates: np.ndarray) -> float:
        return float((won * np.log(rates) + (played - won) * np.log1p(-rates)).sum())

    rivals = itertools.combinations_with_replacement(grid[::-1], 4)
    assert likelihood(best) >= max(likelihood(np.array(rival)) for rival in rivals)


@pytest.mark.parametrize("floor", [0.0, 0.3])
def test_the_interval_holds_a_jump_to_any_floor(floor: float) -> None:
    rates = {0: 0.9} | {step: 0.9 if step < 14 else floor for step in range(1, 31)}
    held, widths = 0, []
    for seed in range(40):
        bounds = crossing(points(rates, 6, seed), 30, 0.5)
        held += bounds.low < 14 <= bounds.high
        widths.append(bounds.high - bounds.low)
    assert held >= 37
    # An interval that says nothing holds everything.
    assert np.median(widths) <= 8


def test_what_never_falls_is_open_to_the_end() -> None:
    bounds = crossing(points(dict.fromkeys(range(0, 31, 3), 0.9), 8, 1), 30, 0.5)
    assert bounds.high == 31
    assert bounds.low >= 27


def test_a_rise_is_told_and_a_fall_is_not() -> None:
    trough = {step: 0.1 if 10 <= step < 20 else 0.9 for step in range(31)}
    told = [rise(points(trough, 4, seed)) for seed in range(20)]
    assert all(told)
    for found in told:
        assert found is not None
        assert found.before[1] < found.after[0]
        assert found.before[2] / found.before[3] < found.after[2] / found.after[3]
    fall = {step: float(np.interp(step, [5, 25], [0.9, 0.1])) for step in range(31)}
    assert sum(rise(points(fall, 4, seed)) is not None for seed in range(40)) <= 2
    assert rise([(0, 5, 5)]) is None
