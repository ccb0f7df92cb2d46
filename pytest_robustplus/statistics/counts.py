"""What a count among so many says by itself: the interval of a rate, and the tail of a draw without replacement."""

from __future__ import annotations

import math

import numpy as np

from pytest_robustplus.statistics.evalues import log_factorials

Z = 1.96


def wilson(successes: int, played: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate, as fractions: descriptive, it knows nothing of early verdicts.

    Source: Wilson, Journal of the American Statistical Association 22 (1927).
    """
    rate, part = successes / played, Z**2 / played
    middle = rate + part / 2
    half = Z * math.sqrt(rate * (1 - rate) / played + part / (4 * played))
    return max((middle - half) / (1 + part), 0.0), min((middle + half) / (1 + part), 1.0)


def at_most(count: int, drawn: int, marked: int, total: int) -> float:
    """P(at most ``count`` of ``drawn`` are among the ``marked`` of ``total``), drawn without replacement."""
    log = log_factorials(total)
    counts = np.arange(max(0, drawn - (total - marked)), min(count, drawn, marked) + 1)
    ways = log[marked] - log[counts] - log[marked - counts]
    ways = ways + log[total - marked] - log[drawn - counts] - log[total - marked - drawn + counts]
    return min(float(np.exp(ways - (log[total] - log[drawn] - log[total - drawn])).sum()), 1.0)
