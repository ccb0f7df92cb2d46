"""Early verdicts about a mean of bounded figures, such as progress: does the full run's mean reach what is needed?

A cell is a fixed list of ``total`` tasks, each of which would yield a figure in [0, 1], played in a random order that
was fixed beforehand. If their mean were ``m``, the next figure's conditional mean after figures that sum to S would be
``(total · m - S) / (tasks left)``. Betting on the next figure being above it multiplies a capital by
``1 + bet · (figure - conditional mean)``, which is a fair game if the mean is m and an unfavourable one if it is less:
the capital is a nonnegative supermartingale under every mean up to m, and by Ville's inequality ever reaches
``1 / alpha`` with probability at most ``alpha``. Below, the same game is played with ``1 - figure``.

Bets are fixed shares of the largest that cannot ruin, mixed with equal weights: a mixture of supermartingales is one,
and needs no tuning. Sources: Waudby-Smith and Ramdas, arXiv 2006.04347 and 2010.09686, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_robustplus.statistics.evalues import Array, Evalues, Verdict, check_error_rates

# Shares of the largest bet. Small ones win against a mean that lies close to the null, large ones against a far one.
_SHARES: Array = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
# Sums of thirds and quarters miss what they stand for by less.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class MeanPlan:
    """The question asked of one cell: is the mean of its ``total`` figures, each in [0, 1], at least ``needed``?

    ``alpha_pass`` bounds P(PASS | the full run's mean is less), ``alpha_fail`` bounds P(FAIL | it is not). Raises
    ValueError for numbers that describe no such question.
    """

    total: int
    needed: float
    alpha_pass: float = 0.05
    alpha_fail: float = 0.01

    def __post_init__(self) -> None:
        if self.total < 1:
            raise ValueError(f"A plan needs at least one task, not total={self.total}.")
        if not 0 < self.needed <= 1:
            raise ValueError(f"needed={self.needed} is not a mean that can be missed; give more than 0 and at most 1.")
        check_error_rates(alpha_pass=self.alpha_pass, alpha_fail=self.alpha_fail)

    def traces(self, figures: Sequence[float]) -> tuple[Array, Array]:
        """Log e-values after 0, 1, … figures: against "the mean is less than ``needed``", and against "it is not"."""
        seen = np.asarray(figures, np.float64)
        if len(seen) > self.total or (seen.size and not 0 <= seen.min() <= seen.max() <= 1):
            raise ValueError(f"{len(seen)} figures of {self.total} tasks must each lie between 0 and 1.")
        return _capital(seen, self.total, self.needed), _capital(1 - seen, self.total, 1 - self.needed)

    def log_evalues(self, figures: Sequence[float]) -> Evalues:
        """The evidence after ``figures``, in playing order."""
        above, below = self.traces(figures)
        return Evalues(self._settled(figures, above[-1], passes=True), self._settled(figures, below[-1], passes=False))

    def decide(self, figures: Sequence[float]) -> tuple[int, Verdict] | None:
        """After how many figures the question is first answered, and how; None while it is open.

        Always answered, and exactly, when all tasks are played.
        """
        above, below = self.traces(figures)
        for played in range(1, len(figures) + 1):
            seen = figures[:played]
            if self._settled(seen, above[played], passes=True) >= -math.log(self.alpha_pass):
                return played, Verdict.PASS
            if self._settled(seen, below[played], passes=False) >= -math.log(self.alpha_fail):
                return played, Verdict.FAIL
        return None

    def _settled(self, figures: Sequence[float], log: float, *, passes: bool) -> float:
        """Infinite where arithmetic alone answers the question that way, whatever is still to come."""
        so_far, left, wanted = math.fsum(figures), self.total - len(figures), self.total * self.needed - _ROUNDING
        if so_far >= wanted:
            return math.inf if passes else -math.inf
        if so_far + left < wanted:
            return -math.inf if passes else math.inf
        return float(log)


def _capital(figures: Array, total: int, mean: float) -> Array:
    """Log of the mixed capital after 0, 1, … figures, bet against "the mean of all is at most ``mean``"."""
    before = np.concatenate([[0.0], np.cumsum(figures)])[:-1]
    left = total - np.arange(len(figures))
    expected = (total * mean - before) / left
    # What has been seen already exceeds the mean's whole sum: no figures of that mean begin like this.
    refuted = np.maximum.accumulate(expected < -_ROUNDING) if len(figures) else np.zeros(0, bool)
    # A bet on more than 1, or on at most 0, is no bet; the game stands still.
    open_ = (expected > _ROUNDING) & (expected < 1)
    bets = np.where(open_, 1 / np.where(open_, expected, 1), 0.0)
    factors = 1 + _SHARES[:, None] * bets * (figures - expected)
    logs = np.cumsum(np.log(factors), axis=1)
    top = logs.max(axis=0, initial=-np.inf)
    mixed = top + np.log(np.exp(logs - top).mean(axis=0)) if len(figures) else np.zeros(0)
    mixed = np.where(refuted, np.inf, mixed)
    return np.concatenate([[0.0], mixed])
