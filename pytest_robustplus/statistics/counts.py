"""What a count among so many says by itself: the interval of a rate, and the tail of a draw without replacement."""

from __future__ import annotations

import math

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
    every = _log_ways(total, drawn)
    counts = range(max(0, drawn - (total - marked)), min(count, drawn, marked) + 1)
    ways = (_log_ways(marked, found) + _log_ways(total - marked, drawn - found) for found in counts)
    return min(math.fsum(math.exp(log - every) for log in ways), 1.0)


def _log_ways(total: int, chosen: int) -> float:
    # By the standard library: baselines, which use it, are read by whoever shows no more than --help.
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
