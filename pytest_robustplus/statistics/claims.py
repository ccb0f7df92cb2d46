"""Sentences about several success rates: which hold, which are refuted, with an error rate for each word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from pytest_robustplus.statistics.counts import at_most

# More ways of grouping models than this are not counted out; families in this field have a dozen members at most.
MOST_GROUPINGS = 200_000


class Rate(NamedTuple):
    """Successes of ``n`` episodes, one realised run."""

    successes: int
    n: int

    @property
    def value(self) -> float:
        """As a fraction."""
        return self.successes / self.n


def p_less(lower: Rate, higher: Rate) -> float:
    """Fisher's exact one-sided p against "the first rate is at least the second", two independent binomials."""
    both = lower.successes + higher.successes
    return at_most(lower.successes, lower.n, both, lower.n + higher.n)


def p_greater_mean(first: Sequence[float], second: Sequence[float]) -> float:
    """Permutation p against "members of both groups are alike", for the first group's mean being larger.

    The models are the sample here, not the episodes: with few of them the least possible p is large. Raises ValueError
    for an empty group or more groupings than can be counted out.
    """
    if not first or not second:
        raise ValueError("Each group needs a model.")
    values, size = [*first, *second], len(first)
    groupings = math.comb(len(values), size)
    if groupings > MOST_GROUPINGS:
        raise ValueError(f"{groupings:,} groupings are too many to count out.")
    seen = sum(first) - 1e-12
    return sum(sum(values[i] for i in chosen) >= seen for chosen in combinations(range(len(values)), size)) / groupings
