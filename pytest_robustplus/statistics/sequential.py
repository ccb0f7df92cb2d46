"""One way to ask: a sequential test looks at outcomes in their order of play and is decided at most once.

Single, paired and mirrored ("not above") questions are asked through the same four methods, so that who plays, who
estimates and who looks for drift need not know which kind it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pytest_robustplus.statistics.evalues import Evalues, Plan, Verdict
from pytest_robustplus.statistics.operating_characteristics import Boundaries, boundaries

Outcomes = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

NEVER = np.iinfo(np.int64).max


class Decision(NamedTuple):
    """The first task of the order (counted from 1) after which a test was decided, and how."""

    played: int
    verdict: Verdict


class Crossings(NamedTuple):
    """When each of several sequences decides a test either way: task counts, ``NEVER`` where it does not."""

    passed: Counts
    failed: Counts


class Region(NamedTuple):
    """The successes at which a test that looks at counts alone is decided, after 0, 1, … total tasks.

    PASS at ``pass_from[n] <= s <= pass_to[n]``, FAIL at ``fail_from[n] <= s <= fail_to[n]``.
    """

    pass_from: Counts
    pass_to: Counts
    fail_from: Counts
    fail_to: Counts


class SequentialTest(Protocol):
    """A question about a fixed list of tasks, answered by a prefix of them."""

    @property
    def plan(self) -> Plan:
        """The question in tasks; of a mirrored one, in failures."""
        ...

    @property
    def region(self) -> Region | None:
        """Where it is decided, if counts alone decide it."""
        ...

    def log_evalues(self, outcomes: Sequence[bool]) -> Evalues:
        """The evidence after ``outcomes``, the contiguous prefix of the order."""
        ...

    def decide(self, outcomes: Sequence[bool], judged: int = 0) -> Decision | None:
        """The first decision after task ``judged``; outcomes beyond it change nothing."""
        ...

    def crossings(self, orders: Counts, outcomes: Outcomes) -> Crossings:
        """When each row of ``outcomes`` (rows, played) decides; ``orders`` say which task of the list each one is."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """The unpaired test: (played, successes) are all it looks at."""

    plan: Plan

    @property
    def region(self) -> Region:
        """Where it is decided."""
        bounds, played = traced(self.plan), np.arange(self.plan.total + 1)
        return Region(bounds.upper, played, np.zeros_like(played), bounds.lower)

    def log_evalues(self, outcomes: Sequence[bool]) -> Evalues:
        """The evidence after ``outcomes``."""
        return self.plan.log_evalues(len(outcomes), sum(outcomes))

    def decide(self, outcomes: Sequence[bool], judged: int = 0) -> Decision | None:
        """The first decision after task ``judged``."""
        successes = sum(outcomes[:judged])
        for played in range(judged + 1, len(outcomes) + 1):
            successes += outcomes[played - 1]
            if (found := self.plan.verdict(played, successes)) is not None:
                return Decision(played, found)
        return None

    def crossings(self, orders: Counts, outcomes: Outcomes) -> Crossings:
        """When each row decides; which tasks they are does not matter."""
        seen, bounds = np.cumsum(outcomes, axis=-1), traced(self.plan)
        ahead = slice(1, outcomes.shape[-1] + 1)
        return Crossings(first(seen >= bounds.upper[ahead]), first(seen <= bounds.lower[ahead]))


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Not above is not worse with success and failure exchanged: ``test`` is asked about failures."""

    test: SequentialTest

    @property
    def plan(self) -> Plan:
        """The question, in failures."""
        return self.test.plan

    @property
    def region(self) -> Region | None:
        """Where it is decided, in successes."""
        if (region := self.test.region) is None:
            return None
        played = np.arange(self.plan.total + 1)
        return Region(
            played - region.pass_to, played - region.pass_from, played - region.fail_to, played - region.fail_from
        )

    def log_evalues(self, outcomes: Sequence[bool]) -> Evalues:
        """The evidence after ``outcomes``: ``log_pass`` for "not above", ``log_fail`` for "above"."""
        return self.test.log_evalues([not outcome for outcome in outcomes])

    def decide(self, outcomes: Sequence[bool], judged: int = 0) -> Decision | None:
        """The first decision after task ``judged``."""
        return self.test.decide([not outcome for outcome in outcomes], judged)

    def crossings(self, orders: Counts, outcomes: Outcomes) -> Crossings:
        """When each row decides."""
        return self.test.crossings(orders, ~outcomes)


@lru_cache(maxsize=64)
def traced(plan: Plan) -> Boundaries:
    """The boundaries of a plan, traced once (0.2 s for 1,600 tasks)."""
    return boundaries(plan)


@lru_cache(maxsize=64)
def traced_above(plan: Plan) -> Counts:
    """The least successes that prove a cell above after 0, 1, … total tasks; ``total + 1`` where none do."""
    least, found = 0, np.full(plan.total + 1, plan.total + 1)
    for played in range(plan.total + 1):
        while least <= played and not plan.above(played, least):
            least += 1
        if least <= played:
            found[played] = least
    return found


def first(crossed: npt.NDArray[np.bool_]) -> Counts:
    """The number of tasks after which each row first holds, ``NEVER`` where it does not."""
    found: Counts = np.where(crossed.any(axis=-1), crossed.argmax(axis=-1) + 1, NEVER)
    return found


def stops(tests: Sequence[SequentialTest], orders: Counts, outcomes: Outcomes) -> Counts:
    """After how many tasks each row ends a cell: one lost question, or every question answered."""
    failing = np.full(len(outcomes), NEVER)
    passing = np.zeros(len(outcomes), dtype=np.int64)
    for test in tests:
        passed, failed = test.crossings(orders, outcomes)
        failing = np.minimum(failing, np.where(failed < passed, failed, NEVER))
        passing = np.maximum(passing, passed)
    return np.minimum(failing, passing) if tests else np.full(len(outcomes), NEVER)
