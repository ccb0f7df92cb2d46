"""Where do two policies differ most? A search over perturbations for the largest paired difference.

The search for failures is asked of another question: an episode "fails" where only one of the two policies solves it,
and the second is played only where the first has solved it. Episodes are those that the first solves unperturbed, as
others would tell nothing of a perturbation; each candidate begins with another one, so that no single task screens them
all. What looks most different is then played again on episodes that the search has not seen, solved unperturbed or not:
the largest of many differences is flattered by having been chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from pytest_robustplus.fuzz.axes import UNPERTURBED
from pytest_robustplus.fuzz.points import BudgetSpent, EpisodeBudget, Point, Trials
from pytest_robustplus.fuzz.search import directed, race
from pytest_robustplus.fuzz.space import Spaces
from pytest_robustplus.perturbations import Perturbation
from pytest_robustplus.statistics.paired import Pairs
from pytest_robustplus.statistics.sprt import MOST

# A rate of one-sided episodes beyond which the search settles on a point.
APART = 0.5
# Points of each direction that are tested again, and fresh episodes of each.
AGAIN, FRESH = 2, 20
# Episodes among which those are looked for that a policy solves unperturbed; fresh ones come after them.
LOOKED_THROUGH = 60


class Contrast(NamedTuple):
    """A perturbation, and how often only one policy solved a fresh episode under it.

    ``p`` is McNemar's, exact and two-sided for the fixed number of fresh episodes, times the points tested again.
    """

    perturbation: Perturbation
    first: int
    second: int
    first_only: int
    second_only: int
    played: int
    p: float


class _Only:
    """Trials that "fail" where only the first policy solves the episode; remembers what was asked of each point."""

    def __init__(self, first: Trials, second: Trials) -> None:
        self._first, self._second = first, second
        self._begins: dict[str, int] = {}
        self.seen: dict[str, tuple[Point, list[bool]]] = {}

    def outcome(self, point: Point, number: int) -> bool:
        episode = self._episode(point, number)
        alike = not (self._first.outcome(point, episode) and not self._second.outcome(point, episode))
        self.seen.setdefault(point.name, (point, []))[1].append(alike)
        return alike

    def _episode(self, point: Point, number: int) -> int:
        place = self._begins.setdefault(point.name, len(self._begins)) + number
        return self._pool[place % len(self._pool)]

    @cached_property
    def _pool(self) -> list[int]:
        """Episodes that the first policy solves unperturbed, or just the first ones where it solves too few."""
        solved = (n for n in range(LOOKED_THROUGH) if self._first.outcome(UNPERTURBED, n))
        pool = list(islice(solved, MOST))
        return pool if len(pool) == MOST else list(range(MOST))

    def most_different(self, count: int) -> list[Point]:
        """The points with most one-sided episodes, few episodes counting less."""
        rated = sorted(self.seen.values(), key=lambda entry: (1 + sum(entry[1])) / (2 + len(entry[1])))
        return [point for point, outcomes in rated[:count] if not all(outcomes)]


def contrasts(
    first: Trials, second: Trials, spaces: Spaces, budget: int, known: Iterable[Perturbation] = ()
) -> list[Contrast]:
    """Search for ``budget`` pairs of episodes, half in either direction; the largest difference comes first.

    ``known`` perturbations are tried before others.
    """
    tried = list(known)
    found: dict[str, Point] = {}
    for one, other in ((first, second), (second, first)):
        only = _Only(one, other)
        limited = EpisodeBudget(only, budget // 2)
        with suppress(BudgetSpent):
            for perturbation in tried:
                race(limited, Point.of(perturbation), APART)
            search = directed(limited, lambda place: Point.of(spaces.build(place)), spaces.width, APART)
            elsewhere: bool | None = None
            while True:
                elsewhere = search.send(elsewhere) is not None or None
        found |= {point.name: point for point in only.most_different(AGAIN)}
    measured = [_measured(first, second, point, len(found)) for point in found.values()]
    return sorted(measured, key=lambda contrast: -abs(contrast.first_only - contrast.second_only))


def most_of(budget: int) -> int:
    """How many episodes a search of so many pairs plays at most, the unperturbed and the fresh ones included."""
    return 2 * (budget + LOOKED_THROUGH + 2 * AGAIN * FRESH)


def _measured(first: Trials, second: Trials, point: Point, retested: int) -> Contrast:
    fresh = range(LOOKED_THROUGH, LOOKED_THROUGH + FRESH)
    outcomes = [[trials.outcome(point, number) for number in fresh] for trials in (first, second)]
    pairs = Pairs.of(*outcomes)
    p = min(1.0, pairs.mcnemar_p * retested)
    solved = [sum(one) for one in outcomes]
    return Contrast(point.at(LOOKED_THROUGH), solved[0], solved[1], pairs.lost, pairs.gained, FRESH, p)
