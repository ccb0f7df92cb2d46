"""Contrasts against scipy's own tests, the contiguous prefix, and all claims decided at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from study.contrasts import Contrast, common, contrast, paired, verdicts


def test_one_seed_each_is_a_paired_t_test() -> None:
    random = np.random.default_rng(0)
    first, second = random.random((2, 1, 40)) < np.array([0.7, 0.4])[:, None, None]
    found = contrast(first.astype(float), second.astype(float))
    reference = stats.ttest_rel(first[0].astype(float), second[0].astype(float))
    interval = reference.confidence_interval(0.95)
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.low, found.high) == pytest.approx((100 * interval.low, 100 * interval.high))
    assert (found.low, found.high) == (found.tasks_low, found.tasks_high)
    assert found.difference == pytest.approx(100 * (first.mean() - second.mean()))


def test_seeds_that_disagree_widen_the_interval() -> None:
    tasks = np.tile([1.0, 0.0], 20)
    alike = np.stack([tasks, tasks, tasks])
    apart = np.stack([tasks, tasks * 0, np.ones_like(tasks)])
    calm, wild = (contrast(one, np.zeros_like(one)) for one in (alike, apart))
    assert [calm.difference, wild.difference] == pytest.approx([50, 50])
    assert wild.high - wild.low > 3 * (calm.high - calm.low)
    assert wild.tasks_high - wild.tasks_low <= calm.tasks_high - calm.tasks_low


def test_every_dimension_weighs_the_same() -> None:
    first = np.array([[1.0] * 4 + [0.0] * 12])
    found = contrast(first, np.zeros_like(first), [0] * 4 + [1] * 12)
    assert found.difference == pytest.approx(50)


def test_only_the_contiguous_prefix_counts() -> None:
    outcomes = {"a": dict.fromkeys("wxyz", True), "b": dict.fromkeys("wxz", False)}
    assert common(outcomes, ["a", "b"], list("wxyz")) == ["w", "x"]
    assert common(outcomes, ["a"], list("wxyz")) == list("wxyz")


def _claim(difference: float, p: float) -> Contrast:
    return Contrast(difference, 0, 0, 0, 0, p, 10, (3, 3))


def test_claims_are_decided_by_holm() -> None:
    # .02 would pass alone, and fails behind .03's larger neighbours: the least of three needs .05 / 3.
    assert verdicts([_claim(5, 0.02), _claim(5, 0.03), _claim(5, 0.04)]) == ["undecided"] * 3
    assert verdicts([_claim(5, 0.001), None, _claim(-5, 0.02), _claim(1, 0.5)]) == [
        "holds",
        "too few tasks",
        "refuted",
        "undecided",
    ]


def test_two_players_that_nowhere_differ_may_still_differ_elsewhere() -> None:
    same = np.ones(20)
    assert paired(same, same) == pytest.approx((-100 * 1.96 * 2**0.5 / 22, 100 * 1.96 * 2**0.5 / 22))


def test_paired_intervals_hold_the_difference_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    drawn = random.choice(np.array([(1, 1), (1, 0), (0, 1), (0, 0)], float), (1000, 30), p=[0.6, 0.15, 0.03, 0.22])
    held = [low <= 12 <= high for low, high in (paired(one[:, 0], one[:, 1]) for one in drawn)]
    assert 0.93 < np.mean(held) < 0.99
