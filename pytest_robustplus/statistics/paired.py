"""The same question, sooner: an audit that knows how the previous checkpoint did on every task.

Each new outcome ``y`` is bet on together with the old outcome ``x`` of the same task: the wealth is multiplied by
``1 + λ (y - m - ρ (x - E[x | tasks left]))``, where ``m`` is the mean that the tasks left would have if the full run
only just fell short. The order is random, so the last term has mean zero whatever the two checkpoints do, and any
``λ >= 0`` and ``ρ`` chosen before the episode make the wealth a supermartingale under "the full run falls short".

``λ`` and ``ρ`` come from a prediction of ``y`` given ``x``: the likelihood of the prediction, divided by that of the
nearest distribution (in relative entropy) under which the next outcome has mean ``m``. That ratio has the form above,
and no bet of that form grows faster if the prediction is right. The prediction is a Bayesian mixture over what the new
checkpoint may do: mostly the design rate at any discordance from none to all, partly uniform.

Sources: Stark, ALPHA (arXiv 2201.02707); Grünwald, de Heide and Koolen, safe testing (arXiv 1906.07801); Waudby-Smith
and Ramdas (arXiv 2010.09686); the sequential McNemar test is the beta-binomial mixture of Robbins (1970).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pytest_robustplus.statistics.evalues import Array, Evalues, Plan, log_factorials
from pytest_robustplus.statistics.sequential import Crossings, Decision, first

Outcomes = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

# Discordances in the prediction, spaced evenly in logarithm from one task to all; 80 need the same episodes as 24, 12
# an eighth more where the two checkpoints have nothing in common.
DISCORDANCES = 24
# Newton's steps from the right on a convex function; 8 reach rounding error, and fewer would cost growth, not validity.
NEWTON_STEPS = 12


class Prior(NamedTuple):
    """What is expected of the new outcomes beside the old; however wrong, the bets are fair.

    ``design`` is the weight on the design rate: for a rerun, 0.5 needs 1 to 5 % more episodes, 0.95 an eighth more for
    a policy that lost 30 points. ``fewest`` is the least discordance, as a share of the greatest possible.
    """

    design: float = 0.8
    fewest: float = 0.0


RERUN = Prior()


class Pairs(NamedTuple):
    """How the tasks played so far came out, new checkpoint against previous."""

    kept: int
    lost: int
    gained: int
    neither: int

    @classmethod
    def of(cls, previous: Sequence[bool], outcomes: Sequence[bool]) -> Pairs:
        """Count completed pairs; ``previous`` may be longer than ``outcomes``, in the same order."""
        new = np.asarray(outcomes, dtype=bool)
        old = np.asarray(previous, dtype=bool)[: len(new)]
        return cls(
            kept=int(np.sum(old & new)),
            lost=int(np.sum(old & ~new)),
            gained=int(np.sum(~old & new)),
            neither=int(np.sum(~old & ~new)),
        )

    @property
    def mcnemar_log_evalue(self) -> float:
        """Log e-value against "a changed task is as often gained as lost", anytime valid: uniform beta mixture."""
        changed = self.lost + self.gained
        log = log_factorials(changed + 1)
        return float(log[self.lost] + log[self.gained] - log[changed + 1]) + changed * math.log(2)

    @property
    def mcnemar_p(self) -> float:
        """Exact two-sided McNemar p; valid for a number of tasks fixed beforehand, descriptive after a stop."""
        changed = self.lost + self.gained
        rarer = np.arange(min(self.lost, self.gained) + 1)
        log = log_factorials(changed)
        log_probability = log[changed] - log[rarer] - log[changed - rarer] - changed * math.log(2)
        return min(1.0, 2 * float(np.exp(log_probability).sum()))


@dataclass(frozen=True, slots=True)
class PairedPlan:
    """A plan together with the previous checkpoint's outcomes, in the playing order and on all of its tasks.

    ``plan`` asks the same question with the same error rates as without pairing; it need not be derived from
    ``previous`` (a published baseline may be audited with the help of yesterday's outcomes). The order must have been
    drawn without looking at either checkpoint's outcomes. Raises ValueError when a task lacks an old outcome.
    """

    plan: Plan
    previous: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.previous) != self.plan.total:
            raise ValueError(
                f"{len(self.previous)} outcomes of the previous checkpoint for {self.plan.total} tasks; pairing needs "
                "one for each task of the cell. Audit the tasks that both have, or audit without pairing."
            )

    def trajectory(self, outcomes: Sequence[bool]) -> list[Evalues]:
        """Weigh the evidence after 0, 1, … all of ``outcomes``, the new checkpoint's contiguous prefix of the order."""
        previous, new = np.asarray(self.previous, dtype=bool), np.asarray(outcomes, dtype=bool)
        if len(new) > self.plan.total:
            raise ValueError(f"{len(new)} outcomes for {self.plan.total} tasks; give those played, each once.")
        sides = log_wealth_pass(self.plan, previous, new), log_wealth_fail(self.plan, previous, new)
        return [Evalues(float(log_pass), float(log_fail)) for log_pass, log_fail in zip(*sides, strict=True)]

    def log_evalues(self, outcomes: Sequence[bool]) -> Evalues:
        """Weigh the evidence after ``outcomes``, as ``Plan.log_evalues`` does."""
        return self.trajectory(outcomes)[-1]

    @property
    def region(self) -> None:
        """Counts alone decide nothing here."""
        return None

    def decide(self, outcomes: Sequence[bool], judged: int = 0) -> Decision | None:
        """The first decision after task ``judged``; exact when all are played and none came before.

        Episodes finished beyond that task (in a block, or by helpers) change nothing.
        """
        for played, evidence in enumerate(self.trajectory(outcomes)):
            if played > judged and (found := self.plan.answer(evidence)) is not None:
                return Decision(played, found)
        return None

    def crossings(self, orders: Counts, outcomes: Outcomes) -> Crossings:
        """When each row of ``outcomes`` (rows, played) decides; ``orders`` name the task of each one."""
        previous = np.asarray(self.previous, dtype=bool)
        # Which task comes when among those not played does not matter, only how many of them succeeded before.
        ahead = np.ones((len(orders), len(previous)), dtype=bool)
        np.put_along_axis(ahead, orders, False, axis=1)
        rest = np.nonzero(ahead)[1].reshape(len(orders), -1)
        shuffled = previous[np.concatenate([orders, rest], axis=1)]
        sides = (
            (log_wealth_pass(self.plan, shuffled, outcomes), self.plan.alpha_pass),
            (log_wealth_fail(self.plan, shuffled, outcomes), self.plan.alpha_fail),
        )
        return Crossings(*(first(wealth[:, 1:] >= -math.log(alpha)) for wealth, alpha in sides))


def log_wealth_pass(plan: Plan, previous: Outcomes, outcomes: Outcomes, prior: Prior = RERUN) -> Array:
    """Bet that the full run reaches ``needed``: log wealth of shape (..., played + 1).

    ``previous`` (..., total) and ``outcomes`` (..., played) are in playing order; leading axes hold several orders of
    one population.
    """
    return _log_wealth(previous, outcomes, null=plan.needed - 1, design=plan.baseline, prior=prior)


def log_wealth_fail(plan: Plan, previous: Outcomes, outcomes: Outcomes) -> Array:
    """Bet that the full run falls short, which is the same bet with success and failure exchanged."""
    below = max(plan.needed - max(plan.margin, 1), 0)
    return _log_wealth(~previous, ~outcomes, null=plan.total - plan.needed, design=plan.total - below)


def _log_wealth(previous: Outcomes, outcomes: Outcomes, *, null: int, design: int, prior: Prior = RERUN) -> Array:
    """Log wealth against "at most ``null`` successes in all" after 0, 1, … tasks, with ``design`` successes in mind."""
    total, played = previous.shape[-1], outcomes.shape[-1]
    old = previous[..., :played]
    # Last axis, here and below: tasks that the previous checkpoint failed, tasks on which it succeeded.
    group = np.stack([~old, old], axis=-1)
    succeeded = int(previous.reshape(-1, total)[0].sum())
    size = np.array([total - succeeded, succeeded])
    seen, won = _before(group), _before(group & outcomes[..., None])

    left = total - np.arange(played)
    mean = (null - won.sum(axis=-1)) / left
    stake, consolation = _bet((size - seen) / left[:, None], _predict(size, seen, won, design, prior), mean)
    factor = np.where(old, consolation[..., 1], consolation[..., 0]) + stake * outcomes
    wealth = _from_zero(np.cumsum(np.log(factor), axis=-1))

    # Where the count is settled by arithmetic, the evidence is too.
    total_won = _from_zero(np.cumsum(outcomes, axis=-1))
    wealth = np.where(total_won + total - np.arange(played + 1) <= null, -np.inf, wealth)
    return np.where(total_won > null, np.inf, wealth)


def _predict(size: Counts, seen: Counts, won: Counts, design: int, prior: Prior) -> Array:
    """Predict P(success) of the next task per group, from what was seen before it: shape (..., played, 2)."""
    least = max(design - int(size[1]), 0)
    gained = least + _spread(min(int(size[0]), design) - least, prior.fewest)
    alternatives = np.stack([gained, design - gained], axis=-1)
    factorial = log_factorials(int(size.sum()) + 1)

    def log_choose(n: Counts, k: Counts) -> Array:
        possible = (k >= 0) & (k <= n)
        k = np.where(possible, k, 0)
        return np.where(possible, factorial[n] - factorial[k] - factorial[n - k], -np.inf)

    left, missing = (size - seen)[..., None, :], alternatives - won[..., None, :]
    log_design = (log_choose(left, missing) - log_choose(size, alternatives)).sum(axis=-1)
    log_uniform = (factorial[won] + factorial[seen - won] - factorial[seen + 1]).sum(axis=-1)
    log_weight = np.concatenate(
        [
            log_design + math.log(prior.design / len(gained)),
            log_uniform[..., None] + math.log(1 - prior.design),
        ],
        axis=-1,
    )
    weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    by_design = np.clip(missing / np.maximum(left, 1), 0.0, 1.0)
    by_uniform = (won + 1) / (seen + 2)
    predicted: Array = np.einsum("...d,...dg->...g", weight[..., :-1], by_design) + weight[..., -1:] * by_uniform
    return predicted


def _bet(share: Array, predicted: Array, mean: Array) -> tuple[Array, Array]:
    """Turn a prediction into a fair bet: what a success adds (...), what is left of the stake per group (..., 2).

    In a group with predicted success ``q`` the wealth is multiplied by ``c`` on failure and ``c + λ`` on success, where
    ``(1 - q) / c + q / (c + λ) = 1``: prediction over nearest null. ``λ`` is such that the bet is fair at ``mean``.
    """
    q = np.clip(predicted, 1e-9, 1 - 1e-9)
    mean = np.clip(mean, 1e-9, 1.0)
    expected = (share * q).sum(axis=-1)
    stake = expected / mean
    for _ in range(NEWTON_STEPS):
        root = np.sqrt((stake[..., None] + 1 - 2 * q) ** 2 + 4 * q * (1 - q))
        excess = (share * _consolation(stake, q)).sum(axis=-1) + stake * mean - 1
        slope = (share * ((stake[..., None] + 1 - 2 * q) / root - 1) / 2).sum(axis=-1) + mean
        stake = stake - excess / np.where(slope > 0, slope, np.inf)
    # A prediction below the null is no reason to bet.
    stake = np.where(expected > mean, np.maximum(stake, 0.0), 0.0)
    consolation = _consolation(stake, q)
    # Dividing by the expectation at ``mean`` makes the bet fair whatever the prediction and however well it was solved.
    fair = (share * consolation).sum(axis=-1) + stake * mean
    return stake / fair, consolation / fair[..., None]


def _consolation(stake: Array, q: Array) -> Array:
    stake = stake[..., None]
    root = np.sqrt((stake + 1 - 2 * q) ** 2 + 4 * q * (1 - q))
    # Two forms of one root of c² + c (λ - 1) = (1 - q) λ; either cancels where the other does not.
    large = np.maximum(stake, 1.0)
    return np.where(stake < 1, (1 - stake + root) / 2, 2 * (1 - q) * large / (large - 1 + root))


def _spread(most: int, fewest: float) -> Counts:
    """Return 0 and about ``DISCORDANCES`` whole numbers from a share to all of ``most``, spaced in logarithm."""
    if most < 1:
        return np.zeros(1, dtype=np.int64)
    spaced = np.geomspace(max(fewest * most, 1), most, DISCORDANCES).round()
    numbers: Counts = np.unique(np.append(spaced, 0)).astype(np.int64)
    return numbers


def _before(happened: Outcomes) -> Counts:
    """Count along the second last axis, excluding the task itself."""
    count: Counts = np.cumsum(happened, axis=-2) - happened
    return count


def _from_zero(cumulative: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put the 0 of "nothing played yet" in front of the last axis."""
    return np.concatenate([np.zeros_like(cumulative, shape=(*cumulative.shape[:-1], 1)), cumulative], axis=-1)
