"""Early verdicts that agree with the full run: is a cell's full-run count at least ``baseline - margin``?

The cell is a fixed list of ``total`` tasks, played in a random order fixed beforehand. Given the outcome that each task
would produce, ``played`` tasks with ``successes`` among them are a draw without replacement, so the full-run count is
the only unknown. Every e-value here is a mixture (half on a design alternative, half uniform over the alternative) of
hypergeometric likelihood ratios, a nonnegative martingale under its null; by Ville's inequality it ever reaches
``1 / alpha`` with probability at most ``alpha``, for any number of interim looks. The proof is in
``docs/explanation/statistics.md``.

Sources: Stark, ALPHA (arXiv 2201.02707); Waudby-Smith and Ramdas, confidence sequences for sampling without replacement
(arXiv 2006.04347); Waudby-Smith, Stark and Ramdas, RiLACS (arXiv 2107.11323).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What a cell ends with; a look that decides nothing is ``None``."""

    PASS = "pass"
    FAIL = "fail"


class Evalues(NamedTuple):
    """Natural logarithms of the two e-values; ``exp(-log)`` capped at 1 is an anytime-valid p-value."""

    log_pass: float
    """Evidence against "the full run falls short of ``needed``"."""
    log_fail: float
    """Evidence against "the full run reaches ``needed``"."""


def check_error_rates(**rates: float) -> None:
    """Raise ValueError for what is no error rate, by its name."""
    for name, alpha in rates.items():
        if not 0 < alpha < 1:
            raise ValueError(f"{name}={alpha} is not an error rate; give a number between 0 and 1, ends excluded.")


@dataclass(frozen=True, slots=True)
class Plan:
    """The question asked of one cell, in tasks, fixed before its first episode.

    ``alpha_pass`` bounds P(PASS | the full run falls short), ``alpha_fail`` bounds P(FAIL | the full run suffices).
    Raises ValueError when the numbers do not describe a population, a baseline within it and two error rates.
    """

    total: int
    """Tasks in the population."""
    baseline: int
    """Successes that the baseline has, or at its rate would have, among these tasks."""
    margin: int
    """Tasks that may be lost against the baseline."""
    alpha_pass: float = 0.05
    alpha_fail: float = 0.01

    def __post_init__(self) -> None:
        if self.total < 1:
            raise ValueError(f"A plan needs at least one task, not total={self.total}.")
        if not 0 <= self.baseline <= self.total:
            raise ValueError(f"baseline={self.baseline} is not between 0 and total={self.total} tasks.")
        if self.margin < 0:
            raise ValueError(f"margin={self.margin} tasks is negative; give the tasks that may be lost, at least 0.")
        check_error_rates(alpha_pass=self.alpha_pass, alpha_fail=self.alpha_fail)

    @property
    def needed(self) -> int:
        """The least full-run count that passes."""
        return max(self.baseline - self.margin, 0)

    @property
    def vacuous(self) -> bool:
        """Whether the margin swallows the baseline, so that no outcome at all could fail."""
        return self.needed == 0

    def log_evalues(self, played: int, successes: int) -> Evalues:
        """Weigh what was seen against either side; ±inf where the count is settled by arithmetic alone."""
        likelihood = _Likelihood.of(self.total, played, successes)
        below = max(self.needed - max(self.margin, 1), 0)
        return Evalues(
            log_pass=likelihood.evidence_above(self.needed - 1, design=self.baseline),
            log_fail=likelihood.evidence_below(self.needed, design=below),
        )

    def verdict(self, played: int, successes: int) -> Verdict | None:
        """Decide the cell if it can be decided; always decided, and exact, at ``played == total``."""
        # Both cannot hold: the likelihood is log-concave in the count, so one of the two is at most 1.
        return self.answer(self.log_evalues(played, successes))

    def answer(self, evidence: Evalues) -> Verdict | None:
        """What a look at this evidence decides, wherever it comes from."""
        if evidence.log_pass >= -math.log(self.alpha_pass):
            return Verdict.PASS
        if evidence.log_fail >= -math.log(self.alpha_fail):
            return Verdict.FAIL
        return None

    def interval(self, played: int, successes: int, level: float = 0.95) -> tuple[float, float]:
        """Bound the full run's success rate (fractions), valid at every look at once and at any stopping time.

        The counts kept are those whose prior-to-posterior ratio under a uniform prior stays below ``1/(1 - level)``.
        """
        if not 0 < level < 1:
            raise ValueError(f"level={level} is not a confidence level; give a number between 0 and 1, ends excluded.")
        likelihood = _Likelihood.of(self.total, played, successes)
        log_ratio = _log_sum(likelihood.log) - math.log(self.total + 1) - likelihood.log
        kept = np.flatnonzero(log_ratio < -math.log1p(-level)) + likelihood.least
        return float(kept[0] / self.total), float(kept[-1] / self.total)

    def log_above(self, played: int, successes: int) -> float:
        """Weigh what was seen against "the full run is at most ``baseline + margin``" (log e-value)."""
        ceiling = self.baseline + self.margin
        if ceiling >= self.total:
            return -math.inf
        likelihood = _Likelihood.of(self.total, played, successes)
        return likelihood.evidence_above(ceiling, design=min(ceiling + max(self.margin, 1), self.total))

    def above(self, played: int, successes: int) -> bool:
        """Tell whether the cell is proven suspiciously good, wrongly so with probability at most ``alpha_fail``."""
        return self.log_above(played, successes) >= -math.log(self.alpha_fail)


class Planned(NamedTuple):
    """A plan, the margin it uses (a fraction) and whether run-to-run noise raised it above the one asked for."""

    plan: Plan
    margin: float
    raised: bool


def noise_floor(rate: float, total: int, alpha: float = 0.01) -> float:
    """Smallest margin (a fraction) at which a rerun of the same policy falls short with probability at most ``alpha``.

    Exactly, at every rate and every ``total``: what is left is what Fisher's one-sided test does not call worse. The
    baseline and the new run are one realisation each.
    """
    if total < 1:
        raise ValueError(f"A rate needs at least one task, not total={total}.")
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate} is not a success rate; give a fraction between 0 and 1.")
    successes = round(rate * total)
    return (successes - least_unremarkable(successes, total, alpha)) / total


def least_unremarkable(successes: int, total: int, alpha: float) -> int:
    """The least count of a second run of ``total`` tasks that is no evidence of a worse policy at level ``alpha``."""
    low, high = 0, successes
    while low < high:
        middle = (low + high) // 2
        if _at_most(middle, successes + middle, total) > alpha:
            high = middle
        else:
            low = middle + 1
    return low


def plan(
    rate: float,
    total: int,
    margin: float,
    alpha_pass: float = 0.05,
    alpha_fail: float = 0.01,
    noise: float | None = None,
    *,
    floor: float | None = None,
) -> Planned:
    """Turn a baseline's rate and a margin (fractions) into the question asked of ``total`` tasks.

    The cell passes when its full-run rate is at least ``rate - margin``, margin being the larger of the one asked for
    and the noise floor at level ``noise`` (``alpha_fail`` when None), or a ``floor`` that was measured.
    """
    if not 0 <= margin <= 1:
        raise ValueError(f"margin={margin} is not a margin; give a fraction between 0 and 1 (0.05 is five points).")
    if floor is None:
        floor = noise_floor(rate, total, alpha_fail if noise is None else noise)
    used = max(margin, floor)
    # Rates read from a table carry binary rounding: 0.754 - 0.05 must not ask for one task more than 0.704 does.
    asked = math.ceil((rate - margin) * total - 1e-9)
    needed = max(min(asked, round(rate * total) - round(floor * total)), 0)
    baseline = max(round(rate * total), needed)
    allowed = baseline - needed if needed else max(math.ceil(used * total), baseline)
    return Planned(Plan(total, baseline, allowed, alpha_pass, alpha_fail), used, raised=floor > margin)


def least_budget(rate: float, most: int, margin: float, noise: float) -> int | None:
    """The least number of tasks, at most ``most``, at which some outcome could fail; None where there is none."""

    def can_fail(total: int) -> bool:
        return not plan(rate, total, margin, noise=noise).plan.vacuous

    if not can_fail(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if can_fail(middle) else (middle, high)
    return high


def _at_most(count: int, both: int, total: int) -> float:
    """Probability that of ``both`` successes in two runs of ``total`` tasks at most ``count`` fall to the second."""
    log = log_factorials(2 * total)
    counts = np.arange(max(0, both - total), count + 1)
    if not len(counts):
        return 0.0
    chosen = log[both] - log[counts] - log[both - counts] + log[2 * total - both] - log[total - counts]
    chosen -= log[total - both + counts] + log[2 * total] - 2 * log[total]
    return float(np.exp(chosen).sum())


class _Likelihood(NamedTuple):
    """Hypergeometric log-likelihood of what was seen, over the full-run counts that are still possible."""

    least: int
    """The count if every task left failed; ``log[i]`` belongs to the count ``least + i``."""
    total: int
    log: Array
    """Up to a constant that does not depend on the count."""

    @classmethod
    def of(cls, total: int, played: int, successes: int) -> _Likelihood:
        if not 0 <= successes <= played <= total:
            raise ValueError(
                f"{successes} successes in {played} played of {total} tasks is impossible; "
                "0 <= successes <= played <= total must hold."
            )
        factorial = log_factorials(total)
        left = total - played
        # log C(count, successes) + log C(total - count, failures) for count = successes .. successes + left.
        chosen = factorial[successes : successes + left + 1] - factorial[: left + 1]
        failures = played - successes
        passed_over = factorial[failures : failures + left + 1] - factorial[: left + 1]
        return cls(successes, total, chosen + passed_over[::-1])

    def at(self, count: int) -> float:
        index = count - self.least
        return float(self.log[index]) if 0 <= index < len(self.log) else -math.inf

    def evidence_above(self, null: int, *, design: int) -> float:
        """Log e-value against "at most ``null``"; its largest expectation over that null is attained at ``null``."""
        if null < self.least:
            return math.inf
        split = null + 1 - self.least
        if split >= len(self.log):
            return -math.inf
        return _mixture(self.log[split:], self.total - null, self.at(design)) - self.at(null)

    def evidence_below(self, null: int, *, design: int) -> float:
        """Log e-value against "at least ``null``"."""
        split = null - self.least
        if split >= len(self.log):
            return math.inf
        if split <= 0:
            return -math.inf
        return _mixture(self.log[:split], null, self.at(design)) - self.at(null)


@lru_cache(maxsize=64)
def log_factorials(total: int) -> Array:
    """Return log(0!), log(1!), … log(total!), shared and read-only."""
    # Not by scipy, a second of import that every worker would pay.
    table = np.array([math.lgamma(number + 1) for number in range(total + 1)])
    table.flags.writeable = False
    return table


def _log_sum(log: Array) -> float:
    # scipy's logsumexp spends 60 µs on checks, five times this sum; a look takes two of them.
    top = float(log.max())
    return top + math.log(float(np.exp(log - top).sum()))


def _mixture(log: Array, width: int, design: float) -> float:
    """Average, in logs, the point ``design`` and ``width`` equally likely counts; those in ``log`` are possible."""
    return float(np.logaddexp(_log_sum(log) - math.log(width), design)) - math.log(2)
