"""Has inference become slower? Ratios to a reference workload timed between the calls, never bare milliseconds.

A fixed workload (the reference) is timed right beside every call of the policy, in the same process, so that whatever
slows the machine down slows both. What is compared is the median of policy time over reference time. Its uncertainty
comes from a moving-block bootstrap, because consecutive latencies are autocorrelated; a gate turns red only when the
whole interval lies beyond the slowdown that is allowed, green only when none of it does, and is undecided in between.

A policy whose work is done elsewhere, behind a server, is held by its own time: what happens to this machine says
nothing about that one. And where the reference itself takes another time than it did, the two runs were not timed under
equal conditions, so nothing is decided.

Source: Künsch (1989), the jackknife and the bootstrap for general stationary observations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from pytest_robustplus.statistics.evalues import Array, Verdict

WARM_UP_CALLS = 10
"""Calls to leave out before timing starts: compilation, caches and clocks settle in them."""
FEWEST_BLOCKS = 3
MOVED = 0.25
"""A reference that takes this much longer or shorter than before is no reference: its load was another."""
RESOLUTION_S = 2e-4
"""A slowdown that costs less than this a call is never red. 0.04 ms of 0.1 were seen between halves of one run."""


class Series(Protocol):
    """Milliseconds call by call, of the policy and of the reference workload."""

    @property
    def policy_ms(self) -> Sequence[float]: ...
    @property
    def reference_ms(self) -> Sequence[float]: ...


class Timings(NamedTuple):
    """Seconds per call without warm-up, device synchronised: ``policy[i]`` and ``reference[i]`` were timed in turn."""

    policy: Array
    reference: Array

    @classmethod
    def of(cls, series: Series) -> Timings:
        """The two series of a report or an accepted run."""
        return cls(np.array(series.policy_ms) / 1000, np.array(series.reference_ms) / 1000)


class Percentiles(NamedTuple):
    """What is reported of a run's calls, in the unit given."""

    p50: float
    p95: float
    p99: float


class Slowdown(NamedTuple):
    """How much slower than expected: 1.2 is a fifth slower; ``low`` and ``high`` bound it at the plan's level."""

    ratio: float
    low: float
    high: float
    verdict: Verdict | None
    """None while it is undecided: the interval holds both what is allowed and what is not, or costs too little."""


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """When a slowdown fails: the interval at ``level`` lies wholly above ``1 + allowed``; it passes wholly below.

    ``quantile`` is what is compared: 0.5 the median, 0.95 the p95.
    """

    allowed: float = 0.10
    level: float = 0.95
    quantile: float = 0.5
    block: int = 10
    resamples: int = 2000

    def __post_init__(self) -> None:
        if not (math.isfinite(self.allowed) and self.allowed >= 0):
            raise ValueError(f"allowed={self.allowed} is not a slowdown; give a fraction, 0.1 for a tenth.")
        if not 0 < self.level < 1:
            raise ValueError(f"level={self.level} is not a confidence level; give a number between 0 and 1.")
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile={self.quantile} is none; give a number between 0 and 1, 0.95 for the p95.")
        if self.block < 1 or self.resamples < 100:
            raise ValueError(f"block={self.block}, resamples={self.resamples}: give at least 1 call and 100 resamples.")

    def compare(
        self, new: Timings, against: Timings, *, expected: float = 1.0, own: bool = False, seed: int = 0
    ) -> Slowdown:
        """Hold ``new`` against ``against``, which it should take ``expected`` times as long as.

        ``against`` is the accepted run of the same policy on the same kind of device (``expected`` 1), or another
        policy timed in the same run (``expected`` the published ratio of the two). Neither needs the other's length.
        ``own`` compares the policies' own times, for those whose work is not done where the reference runs.
        ``seed`` makes the resampling repeatable.
        """
        if not (math.isfinite(expected) and expected > 0):
            raise ValueError(f"expected={expected} is not a ratio of two durations; give a positive number.")
        numerator, denominator = relative(new), relative(against)
        if own:
            numerator, denominator = (np.asarray(timings.policy, dtype=float) for timings in (new, against))
        slowdown = self._compare(numerator, denominator, expected, seed)
        cost = float(np.quantile(new.policy, self.quantile)) * (1 - 1 / slowdown.ratio)
        if slowdown.verdict is Verdict.FAIL and cost < RESOLUTION_S:
            return slowdown._replace(verdict=None)
        return slowdown

    def moved(self, new: Timings, against: Timings, *, seed: int = 0) -> Slowdown | None:
        """How the reference's own time has changed, if by so much that nothing can be held against it."""
        found = self._compare(new.reference, against.reference, 1.0, seed)
        return found if found.low > 1 + MOVED or found.high < 1 / (1 + MOVED) else None

    def worsening(self, timings: Timings, *, own: bool = False, seed: int = 0) -> Slowdown:
        """Hold the second half of a run's calls against the first: a policy that slows down while it is timed."""
        half = len(timings.policy) // 2
        return self.since_then(Timings(*(series[half:] for series in timings)), timings, own=own, seed=seed)

    def since_then(self, now: Timings, timings: Timings, *, own: bool = False, seed: int = 0) -> Slowdown:
        """Hold calls that came later against the first half of ``timings``."""
        half = len(timings.policy) // 2
        # A policy that takes seconds is called 30 times: blocks as long as halves of that allow.
        shorter = replace(self, block=min(self.block, max(half // FEWEST_BLOCKS, 1)))
        return shorter.compare(now, Timings(*(series[:half] for series in timings)), own=own, seed=seed)

    def _compare(self, numerator: Array, denominator: Array, expected: float, seed: int) -> Slowdown:
        generators = np.random.default_rng(seed).spawn(2)
        resampled = self._heights(numerator, generators[0]) / self._heights(denominator, generators[1]) / expected
        tail = (1 - self.level) / 2
        low, high = (float(bound) for bound in np.quantile(resampled, [tail, 1 - tail]))
        ratio = float(np.quantile(numerator, self.quantile) / np.quantile(denominator, self.quantile)) / expected
        bound = 1 + self.allowed
        return Slowdown(ratio, low, high, Verdict.FAIL if low > bound else Verdict.PASS if high <= bound else None)

    def _heights(self, series: Array, generator: np.random.Generator) -> Array:
        """The quantile of each resample: whole blocks of neighbouring calls, drawn with replacement, cut to length."""
        calls = len(series)
        if calls < FEWEST_BLOCKS * self.block:
            raise ValueError(
                f"{calls} timed calls are too few for blocks of {self.block}; "
                f"time at least {FEWEST_BLOCKS * self.block} after warm-up."
            )
        blocks = -(-calls // self.block)
        starts = generator.integers(0, calls - self.block + 1, size=(self.resamples, blocks, 1))
        drawn = (starts + np.arange(self.block)).reshape(self.resamples, -1)[:, :calls]
        heights: Array = np.quantile(series[drawn], self.quantile, axis=1)
        return heights


def relative(timings: Timings) -> Array:
    """Policy time over the reference time beside it, per call; raises ValueError for what no clock can have shown."""
    policy, reference = np.asarray(timings.policy, dtype=float), np.asarray(timings.reference, dtype=float)
    if policy.ndim != 1 or policy.shape != reference.shape:
        raise ValueError(
            f"Policy timings {policy.shape} and reference timings {reference.shape} must be two series of one length: "
            "time the reference once beside every call."
        )
    for name, series in (("policy", policy), ("reference", reference)):
        if not np.all(np.isfinite(series) & (series > 0)):
            raise ValueError(f"The {name} timings hold a duration that is not a positive number of seconds.")
    ratio: Array = policy / reference
    return ratio


def percentiles(series: Array) -> Percentiles:
    """Median and upper percentiles of seconds or of relative times."""
    p50, p95, p99 = (float(value) for value in np.percentile(series, [50, 95, 99]))
    return Percentiles(p50, p95, p99)
