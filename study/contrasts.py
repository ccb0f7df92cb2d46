"""What the outcomes say: rates, contrasts between families with intervals over tasks and training seeds, claims.

A contrast is the difference of two families' mean success on the tasks that all members concerned have played. Its
variance is that over tasks, of the difference of family means, plus that between training seeds of each family; the
interval is Student's, with Welch and Satterthwaite's degrees of freedom. The second part holds the chance of single
episodes as well, which the first does, too, so intervals are somewhat too wide rather than too narrow. A family of one
seed has no second part, and every interval with it says nothing about training anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.statistics.counts import Z

Outcomes = Mapping[str, Mapping[str, bool]]
"""Of each player: task to success."""
Verdict = Literal["holds", "refuted", "undecided", "too few tasks"]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Contrast:
    """``difference`` of mean success in points; ``low`` and ``high`` over tasks and seeds, ``tasks_low`` … over tasks.

    ``p`` is two-sided against no difference. ``seeds`` are how many members each side has.
    """

    difference: float
    low: float
    high: float
    tasks_low: float
    tasks_high: float
    p: float
    tasks: int
    seeds: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the study: in ``dimensions``, each for itself, the first family does better than the second."""

    text: str
    better: str
    worse: str
    dimensions: tuple[str, ...]


CLAIMS = (
    Claim("World-action models hold better than VLAs under noise", "wam", "vla", ("noise",)),
    Claim("… under other lights", "wam", "vla", ("light",)),
    Claim("… before other backgrounds", "wam", "vla", ("background",)),
    Claim("… in other layouts", "wam", "vla", ("layout",)),
    Claim("World-action models are weaker than VLAs under other cameras", "vla", "wam", ("camera",)),
    Claim("… from other starts of the robot", "vla", "wam", ("robot",)),
    Claim("World-action models hold better than VLAs over all dimensions", "wam", "vla", ("all",)),
    Claim("Hybrids hold better than VLAs over all dimensions", "hybrid", "vla", ("all",)),
    Claim("World-action models hold better than hybrids over all dimensions", "wam", "hybrid", ("all",)),
)


def common(outcomes: Outcomes, players: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The first of ``tasks``, up to the first that one of ``players`` has not played.

    Tasks beyond it are left out: which of them were finished when the time was up depends on how long they took, and so
    on how they ended.
    """
    return list(takewhile(lambda task: all(task in outcomes.get(player, {}) for player in players), tasks))


def matrix(outcomes: Outcomes, players: Sequence[str], tasks: Sequence[str]) -> NDArray[np.float64]:
    """Outcomes as (players, tasks) of 0 and 1."""
    return np.array([[outcomes[player][task] for task in tasks] for player in players], float)


def contrast(first: NDArray[np.float64], second: NDArray[np.float64], strata: Sequence[int] | None = None) -> Contrast:
    """Compare two families on the same tasks, (seeds, tasks) each; in points.

    ``strata`` number the dimension of each task; every dimension then weighs the same, however many tasks it has.
    """
    groups = np.zeros(first.shape[1], int) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    count = int(groups.max()) + 1
    sizes = np.bincount(groups)
    weights = 1 / (count * sizes[groups])
    paired = first.mean(0) - second.mean(0)
    means = np.bincount(groups, paired) / sizes
    spread = np.bincount(groups, (paired - means[groups]) ** 2) / np.maximum(sizes - 1, 1)
    over_tasks = float((spread / sizes).sum()) / count**2
    parts = [(over_tasks, max(first.shape[1] - count, 1))]
    anew = [side @ weights for side in (first, second) if len(side) > 1]
    parts += [(float(rates.var(ddof=1)) / len(rates), len(rates) - 1) for rates in anew]
    variance = sum(part for part, _ in parts)
    difference = float(paired @ weights)
    freedom = variance**2 / sum(part**2 / df for part, df in parts) if variance else math.inf
    wide, narrow = (_half(v, df) for v, df in ((variance, freedom), (over_tasks, parts[0][1])))
    return Contrast(
        100 * difference,
        100 * (difference - wide),
        100 * (difference + wide),
        100 * (difference - narrow),
        100 * (difference + narrow),
        _p(difference, variance, freedom),
        first.shape[1],
        (len(first), len(second)),
    )


def _half(variance: float, freedom: float) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + LEVEL) / 2, min(freedom, 1e6))) * math.sqrt(variance)


def _p(difference: float, variance: float, freedom: float) -> float:
    from scipy import stats

    if variance == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(abs(difference) / math.sqrt(variance), min(freedom, 1e6)))


def verdicts(found: Sequence[Contrast | None]) -> list[Verdict]:
    """Decide claims of "the first is better", all at once: Holm over their two-sided p, 5 % for any false answer."""
    said: list[Verdict] = ["too few tasks" if one is None else "undecided" for one in found]
    known = sorted((one.p, place) for place, one in enumerate(found) if one is not None)
    for rank, (p, place) in enumerate(known):
        if p > (1 - LEVEL) / (len(known) - rank):
            break
        one = found[place]
        assert one is not None
        said[place] = "holds" if one.difference > 0 else "refuted"
    return said


def paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of two players' difference on the same tasks, in points, also where they nowhere differ.

    Bonett and Price: Wald's, after a task more that only the first solves, and one that only the second does.
    """
    difference = np.concatenate([first - second, [1.0, -1.0]])
    middle = float(difference.mean())
    half = Z * math.sqrt((float((difference**2).mean()) - middle**2) / len(difference))
    return 100 * (middle - half), 100 * (middle + half)
