"""Intervals and tails against scipy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest, hypergeom

from pytest_robustplus.statistics.counts import at_most, wilson


@pytest.mark.parametrize(("successes", "played"), [(0, 1), (1, 1), (3, 7), (16, 16), (120, 384)])
def test_wilsons_interval(successes: int, played: int) -> None:
    known = binomtest(successes, played).proportion_ci(method="wilson")
    assert wilson(successes, played) == pytest.approx((known.low, known.high), abs=2e-5)
    assert 0 <= wilson(successes, played)[0] <= successes / played <= wilson(successes, played)[1] <= 1


def test_the_tail_of_a_draw() -> None:
    for count, drawn, marked, total in ((3, 12, 40, 100), (0, 5, 0, 9), (4, 5, 9, 9), (2, 10, 6, 12), (12, 12, 12, 24)):
        assert at_most(count, drawn, marked, total) == pytest.approx(hypergeom.cdf(count, total, marked, drawn))
