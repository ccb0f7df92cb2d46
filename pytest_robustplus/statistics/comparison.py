"""Is A better than B on a finite list? Paired outcomes, random order without replacement, an answer at every look.

A *difference* is +1 where only A solved a task, -1 where only B did, 0 otherwise; the *net* is their sum over the whole
list. Given the outcome that each policy would have on each task, the order is all that is random. Against "net <= d"
the next difference has mean at most ``μ = (d - sum so far) / tasks left``, whatever the number of tasks on which the
two differ, so with ``x = (1 + difference) / 2`` and any ``θ >= 0`` fixed before the task

    (1 + θ x) / (1 + θ (1 + μ) / 2)

has mean at most 1: its product is a nonnegative supermartingale, which ever reaches ``1 / α`` with probability at most
``α`` (Ville). ``θ`` depends on nothing but the number of the task, so the product falls as ``d`` grows: the refuted
``d`` are an initial stretch, and "better", "not worse by more than", "equal within" and the interval of the difference
are views of two bounds, whose errors they share. At the last task the answer is exact.

Sources: Stark, ALPHA (arXiv 2201.02707); Waudby-Smith and Ramdas, sampling without replacement (arXiv 2006.04347); Vovk
and Wang, E-values: calibration, combination and applications (Annals of Statistics 49, 2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pytest_robustplus.statistics.evalues import Array, Plan
from pytest_robustplus.statistics.paired import Prior, log_wealth_pass

Differences = npt.NDArray[np.int64]

# θ / 2 at the first task, mixed in equal parts: scale c is best where (a - b) / (a + b) is about c / (1 + c).
SCALES = np.geomspace(0.1, 10.0, 8)
# θ grows as (total / tasks left) ** GROWTH: under a true net the mean of the rest leaves μ behind at about that pace.
GROWTH = 1.5
# exp() of more is infinite; nothing is decided by how far above 1/α the evidence is.
LARGEST_LOG = 600.0
# The design alternative against a recorded run, as a share of the tasks; .02 and .1 need a quarter more episodes where
# 80 of 1,600 tasks are won.
GAP = 0.05
# Two policies differ on more tasks than a rerun does: as if they were reruns, 4 % more episodes are needed where 160 of
# 1,600 tasks are lost; with a twentieth, a tenth more where only 20 are.
RIVALS = Prior(design=0.85, fewest=1 / 40)


def differences(first: Sequence[bool], second: Sequence[bool]) -> Differences:
    """Pair outcomes on the same tasks in the same order, as far as both are known."""
    both = min(len(first), len(second))
    return np.asarray(first[:both], dtype=np.int64) - np.asarray(second[:both], dtype=np.int64)


def log_wealth(diff: npt.ArrayLike, total: int, net: npt.ArrayLike) -> Array:
    """Log e-values against "A - B <= net" after 0, 1, … tasks: shape (..., played + 1), infinite where settled.

    ``diff`` (..., played) is in playing order; ``net`` broadcasts against its leading axes. Raises ValueError for more
    differences than tasks.
    """
    diff, net = np.asarray(diff, dtype=np.int64), np.asarray(net)[..., None]
    played = diff.shape[-1]
    if played > total:
        raise ValueError(f"{played} outcomes for {total} tasks; give each task once.")
    nothing = np.zeros_like(diff, shape=(*diff.shape[:-1], 1))
    gained = np.concatenate([nothing, np.cumsum(diff, axis=-1)], axis=-1)
    left = total - np.arange(played + 1)
    mean = np.clip((1 + (net - gained[..., :-1]) / left[:-1]) / 2, 0.0, 1.0)
    bettors = []
    for theta in _stakes(total, left[:-1]):
        won = np.stack([np.zeros_like(theta), np.log1p(theta / 2), np.log1p(theta)])[diff + 1, np.arange(played)]
        bettors.append(np.cumsum(won - np.log1p(theta * mean), axis=-1))
    wealth = _log_mean(np.asarray(bettors))
    wealth = np.concatenate([np.zeros((*wealth.shape[:-1], 1)), wealth], axis=-1)
    wealth = np.where(gained + left <= net, -np.inf, wealth)
    return np.where(gained - left > net, np.inf, wealth)


class Wealth:
    """The same e-values, task by task, against several nets at once: a look takes microseconds, whatever its number."""

    def __init__(self, total: int, nets: Sequence[int]) -> None:
        self.total, self.played, self.gained = total, 0, 0
        self._nets = np.asarray(nets, dtype=np.int64)
        self._bettors = np.zeros((len(SCALES), len(self._nets)))
        self.log = self._settled(np.zeros(len(self._nets)))

    def add(self, diff: int) -> None:
        """Take in the difference on the next task of the order."""
        if self.played == self.total:
            raise ValueError(f"All {self.total} tasks have been counted; give each task once.")
        left = self.total - self.played
        mean = np.clip((1 + (self._nets - self.gained) / left) / 2, 0.0, 1.0)
        theta = _stakes(self.total, np.array([left]))
        self._bettors += np.log1p(theta * (1 + diff) / 2) - np.log1p(theta * mean)
        self.played, self.gained = self.played + 1, self.gained + diff
        self.log = self._settled(_log_mean(self._bettors))

    def extend(self, diff: Sequence[int]) -> Array:
        """Take in further differences and weigh the evidence after each: shape (tasks, nets)."""
        found = np.empty((len(diff), len(self._nets)))
        for task, difference in enumerate(diff):
            self.add(difference)
            found[task] = self.log
        return found

    def _settled(self, log: Array) -> Array:
        left = self.total - self.played
        log = np.where(self.gained + left <= self._nets, -np.inf, log)
        return np.where(self.gained - left > self._nets, np.inf, log)


class Bounds(NamedTuple):
    """Bounds of the net in tasks, at all looks at once: P(ever net < lower) and P(ever net > upper) are at most α."""

    lower: int
    upper: int


def bounds(diff: npt.ArrayLike, total: int, alpha: float) -> Bounds:
    """Bound the net of the whole list from the contiguous prefix ``diff`` of the pre-registered order."""
    diff = np.asarray(diff, dtype=np.int64)
    net, left = int(diff.sum()), total - len(diff)
    lower, upper = _least_kept(diff, total, alpha), -_least_kept(-diff, total, alpha)
    # Crossed bounds, or bounds that arithmetic rules out, betray an earlier error; all played is exact in any case.
    if left and lower <= min(upper, net + left) and upper >= net - left:
        return Bounds(max(lower, net - left), min(upper, net + left))
    return Bounds(net - left, net + left)


def _least_kept(diff: Differences, total: int, alpha: float) -> int:
    """Find the least net that no look refuted; refutation is monotone in the net, so bisection is exact."""
    low, high = -total - 1, total
    while high - low > 1:
        probe = np.unique(np.linspace(low, high, 6).round().astype(int)[1:-1])
        refuted = log_wealth(diff[None], total, probe).max(axis=-1) >= -math.log(alpha)
        low, high = max([low, *probe[refuted]]), min([high, *probe[~refuted]])
    return int(high)


class Refute(NamedTuple):
    """One thing to be refuted: "A - B <= net" for side 1, "B - A <= net" for side -1, at error rate ``alpha``."""

    side: int
    net: int
    alpha: float


class Question(NamedTuple):
    """What is asked of two policies on ``total`` tasks: each answer, and all that must be refuted for it."""

    total: int
    answers: Mapping[str, tuple[Refute, ...]]


FIRST, SECOND, EQUAL, UNDECIDED = "first", "second", "equal", "undecided"
PASS, FAIL = "pass", "fail"


def which_is_better(total: int, within: int, alpha: float) -> Question:
    """Ask which of two solves more; they may also be found equal within so many tasks.

    "A better" and "B better" are each said wrongly with probability at most ``alpha``, and so is "equal" on whichever
    side the truth lies beyond.
    """
    return Question(
        total,
        {
            FIRST: (Refute(1, 0, alpha),),
            SECOND: (Refute(-1, 0, alpha),),
            EQUAL: (Refute(1, -within - 1, alpha), Refute(-1, -within - 1, alpha)),
        },
    )


def better(total: int, by: int, alpha_pass: float, alpha_fail: float) -> Question:
    """Ask whether A solves more than ``by`` tasks more than B."""
    return Question(total, {PASS: (Refute(1, by, alpha_pass),), FAIL: (Refute(-1, -by - 1, alpha_fail),)})


def not_worse(total: int, by: int, alpha_pass: float, alpha_fail: float) -> Question:
    """Ask whether A solves at most ``by`` tasks fewer than B."""
    return better(total, -by - 1, alpha_pass, alpha_fail)


def equivalent(total: int, within: int, alpha_pass: float, alpha_fail: float) -> Question:
    """Ask whether the two differ by at most ``within`` tasks; a false FAIL may come from either side."""
    return Question(
        total,
        {
            PASS: (Refute(1, -within - 1, alpha_pass), Refute(-1, -within - 1, alpha_pass)),
            FAIL + "-": (Refute(-1, within, alpha_fail / 2),),
            FAIL + "+": (Refute(1, within, alpha_fail / 2),),
        },
    )


class Evidence(Protocol):
    """Log e-values against several nets, as differences come in."""

    def extend(self, diff: Sequence[int]) -> Array:
        """Take in further differences and weigh the evidence after each: shape (tasks, nets)."""


class RecordedWealth:
    """Evidence where one of the two, the *recorded* policy, is known on every task beforehand.

    The other one's outcomes are then bet on with the help of those that are known, which needs a fifth to a third fewer
    episodes, and none of the recorded policy. ``recorded`` is in playing order; ``sign`` is 1 where the net counts the
    recorded policy as A, -1 where as B.
    """

    def __init__(self, recorded: Sequence[bool], nets: Sequence[int], sign: int) -> None:
        self._recorded, self._nets, self._sign = np.asarray(recorded, dtype=bool), nets, sign
        self._others: list[bool] = []

    def extend(self, diff: Sequence[int]) -> Array:
        """Take in further differences and weigh the evidence after each."""
        known = self._recorded[len(self._others) :].astype(int).tolist()
        self._others += [bool(solved - self._sign * d) for solved, d in zip(known, diff, strict=False)]
        others = np.asarray(self._others, dtype=bool)
        paths = [self._path(others, net)[len(others) - len(diff) + 1 :] for net in self._nets]
        return np.stack(paths, axis=-1)

    def _path(self, others: npt.NDArray[np.bool_], net: int) -> Array:
        if self._sign > 0:  # "recorded - other <= net": the other one fails at most this many
            return _above(~self._recorded, ~others, int((~self._recorded).sum()) + net)
        return _above(self._recorded, others, int(self._recorded.sum()) + net)


def _above(recorded: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_], most: int) -> Array:
    """Log wealth, after 0, 1, … tasks, against "the other one has at most ``most`` of them"."""
    total = len(recorded)
    if not 0 <= most < total:
        return np.full(len(others) + 1, math.inf if most < 0 else -math.inf)
    gap = min(max(round(GAP * total), 1), total - most)
    return log_wealth_pass(Plan(total, most + gap, gap - 1), recorded, others, RIVALS)


class Duel:
    """A question's evidence, pair after pair; the first answer known stands, whatever is played beyond it.

    ``recorded`` are one policy's outcomes on every task, in playing order, where they are known beforehand: those of
    the first for ``sign`` 1, of the second for -1.
    """

    def __init__(self, question: Question, recorded: Sequence[bool] | None = None, sign: int = 1) -> None:
        self.question = question
        self.answer: str | None = None
        self.pairs = 0
        """Pairs until the answer was known, or all seen."""
        self.log: dict[tuple[int, int], float] = {}
        """Log e-value of each (side, net) at the look that counts, for the report."""
        asked = {(r.side, r.net) for needed in question.answers.values() for r in needed}
        self._nets = {side: sorted(net for s, net in asked if s == side) for side in (1, -1)}
        self._evidence: dict[int, Evidence] = {
            side: Wealth(question.total, nets) if recorded is None else RecordedWealth(recorded, nets, side * sign)
            for side, nets in self._nets.items()
        }
        self._best: dict[tuple[int, int], float] = dict.fromkeys(asked, -math.inf)

    def update(self, diff: Iterable[int]) -> str | None:
        """Take in differences that follow those seen before, until the answer is known."""
        new = [int(difference) for difference in diff]
        if self.answer is not None or not new:
            return self.answer
        logs = {side: evidence.extend([side * d for d in new]) for side, evidence in self._evidence.items()}
        for task in range(len(new)):
            self.pairs += 1
            for side, nets in self._nets.items():
                for net, log in zip(nets, logs[side][task].tolist(), strict=True):
                    self.log[side, net] = log
                    self._best[side, net] = max(self._best[side, net], log)
            if (answer := self._first()) is not None:
                self.answer = answer
                break
        return self.answer

    def settle(self, net: int) -> str:
        """Answer from the net of the whole list: nothing that was said of a part of it stands against that."""
        self.pairs = self.question.total
        for side, number in self._best:
            self._best[side, number] = self.log[side, number] = math.inf if side * net > number else -math.inf
        found = self._first()
        assert found is not None
        self.answer = found
        return found

    def foreseen(self) -> int:
        """Guess after how many pairs the answer will be known: the logs of evidence grow about evenly."""
        if not self.pairs:
            return self.question.total
        grown = (
            min(self.log[r.side, r.net] / -math.log(r.alpha) for r in needed)
            for needed in self.question.answers.values()
        )
        return _until(max(grown), self.pairs, self.question.total)

    def _first(self) -> str | None:
        for name, needed in self.question.answers.items():
            if all(self._best[r.side, r.net] >= -math.log(r.alpha) for r in needed):
                return name.rstrip("+-")
        return None


class Standings:
    """Which of several policies nobody has beaten, after each task that all those still in play have played.

    Policy i is dropped at the first look where the mean over j of the e-values for "j solves more than i" reaches 1/α:
    a given best one is ever dropped with probability at most α, without a factor for the pairs. A dropped policy plays
    no more; evidence that involves it stays as it was, which is the wealth of whoever stops betting.
    """

    def __init__(self, policies: int, total: int, alpha: float) -> None:
        self.total, self.played = total, 0
        self.dropped: dict[int, int] = {}
        """How many tasks each dropped policy had played."""
        self._alpha = alpha
        self._policies = range(policies)
        self._wealth = {(j, i): Wealth(total, [0]) for j, i in product(self._policies, repeat=2) if j != i}

    @property
    def unbeaten(self) -> list[int]:
        """The policies still in play."""
        return [i for i in self._policies if i not in self.dropped]

    def add(self, solved: Mapping[int, bool]) -> None:
        """Take in who solved the next task, among those in play; raises KeyError when one of them is missing."""
        playing = self.unbeaten
        for j, i in product(playing, repeat=2):
            if j != i:
                self._wealth[j, i].add(int(solved[j]) - int(solved[i]))
        self.played += 1
        if beaten := [i for i in playing if self.log_evidence(i) >= -math.log(self._alpha)]:
            self.dropped |= dict.fromkeys(beaten, self.played)

    def foreseen(self) -> int:
        """Guess after how many tasks one policy alone will be unbeaten."""
        grown = sorted(self.log_evidence(policy) for policy in self.unbeaten)
        return self.total if len(grown) < 2 else _until(grown[1] / -math.log(self._alpha), self.played, self.total)

    def log_evidence(self, policy: int) -> float:
        """The log e-value against "nobody solves more than this one"."""
        against = [float(self._wealth[j, policy].log[0]) for j in self._policies if j != policy]
        return float(_log_mean(np.clip(against, -LARGEST_LOG, LARGEST_LOG)))


def _until(share: float, played: int, total: int) -> int:
    """Where a ``share`` of the evidence that is needed will be all of it, if it grows on as in those ``played``."""
    return min(math.ceil(played / share), total) if share > played / total else total


def e_holm(log_e: Sequence[float]) -> list[float]:
    """Adjust log e-values of several claims for one family error: a claim holds when its result reaches log(1/α).

    Closed testing with averages: the least mean over the sets of claims that hold this one. Valid under any dependence
    and at any time, and never worse than multiplying α by the number of claims.
    """
    e = np.exp(np.minimum(np.asarray(log_e, dtype=float), LARGEST_LOG))
    smallest = np.concatenate([[0.0], np.cumsum(np.sort(e))[:-1]])
    least = np.min((e[:, None] + smallest) / np.arange(1, len(e) + 1), axis=1)
    return [float(value) for value in np.log(np.maximum(least, 1e-300))]


def _stakes(total: int, left: npt.NDArray[np.int64]) -> Array:
    """θ of each scale (rows) where so many tasks are left (columns)."""
    stakes: Array = 2 * SCALES[:, None] * (total / left) ** GROWTH
    return stakes


def _log_mean(log: Array) -> Array:
    """Average e-values along the first axis, in logs."""
    top = np.max(log, axis=0)
    mean: Array = top + np.log(np.mean(np.exp(log - top), axis=0))
    return mean
