"""One search: is there a perturbation in a space under which the policy falls short, and which is the mildest?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_robustplus.fuzz.counterexample import RESERVE, Counterexample, counterexample, shrink
from pytest_robustplus.fuzz.frontier import unperturbed
from pytest_robustplus.fuzz.judging import judge, threshold
from pytest_robustplus.fuzz.points import BudgetSpent, EpisodeBudget, Point, Trials
from pytest_robustplus.fuzz.search import directed
from pytest_robustplus.fuzz.space import Spaces
from pytest_robustplus.perturbations import Perturbation

KNOWN_BY = 10
# Of a search that is given no other.
BUDGET = 250
# Of the budget, at most, until something is found; the rest is for making it mild and for knowing how mild.
_SEARCH = 0.6


@dataclass(frozen=True, slots=True)
class FalsificationResult:
    """What a search came to; ``first`` seemed to fail and is what was made simple and mild.

    Only where ``found.perturbation`` is set has something been shown to fail. ``candidates`` counts the
    perturbations tried, ``replayed`` those of the corpus, ``excused`` those that fail and are not laid at the policy's
    door; ``known`` says that the corpus had it. ``rate`` is the unperturbed success rate and ``threshold`` what had to
    be reached.
    """

    rate: float
    threshold: float
    candidates: int
    replayed: int
    episodes: int
    known: bool = False
    first: Perturbation | None = None
    found: Counterexample | None = None
    excused: int = 0

    @property
    def shown(self) -> bool:
        """Whether a perturbation is shown to make the policy fall short."""
        return self.found is not None and self.found.perturbation is not None


def falsify(
    trials: Trials,
    space: Spaces,
    *,
    share: float,
    budget: int,
    known: Sequence[Perturbation] = (),
    seed: int = 0,
    excuses: Callable[[Perturbation], bool] = lambda _: False,
) -> FalsificationResult:
    """Replay what is ``known`` to fail, then search, and make the first failure simple and mild.

    Nothing is looked for when the policy fails without perturbation: ``rate`` is 0 then. A failing perturbation that
    ``excuses`` the policy, such as one that takes the target out of its sight, is passed over.
    """
    episodes = EpisodeBudget(trials, budget)
    rate = unperturbed(episodes, min(KNOWN_BY, budget))
    limit = threshold(rate, share)
    candidates = replayed = excused = 0
    first, was_known = None, False
    try:
        if rate:
            for case in known:
                replayed += 1
                if not judge(episodes, Point.of(case), limit).holds:
                    if excuses(case):
                        excused += 1
                        continue
                    first, was_known = case, True
                    break
            searching = EpisodeBudget(episodes, round(_SEARCH * budget))
            if first is None:
                search = directed(searching, lambda place: Point.of(space.build(place)), space.width, limit, seed)
                passed_over = None
                while first is None:
                    found = search.send(passed_over)
                    candidates += 1
                    passed_over = found is not None and excuses(space.build(found.place))
                    excused += passed_over
                    if found is not None and not passed_over:
                        first = space.build(found.place)
    except BudgetSpent:
        pass
    smallest = None
    if first is not None:
        # Making it simple must leave what is needed to show how success is at what is named.
        simplifying = EpisodeBudget(episodes, episodes.left - min(episodes.left // 2, RESERVE))
        smallest = counterexample(episodes, shrink(simplifying, first, limit), share, limit)
    return FalsificationResult(rate, limit, candidates, replayed, episodes.spent, was_known, first, smallest, excused)
