"""What one cell ends with, as data that travels from a worker to the controller and into every report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from pytest_robustplus.results.carried import CarriedByField
from pytest_robustplus.results.notes import Notes

Outcome = Literal["pass", "fail", "measured"]


class FailedTask(NamedTuple):
    """A task on which the policy failed, with the ledger's episode that shows it."""

    episode: int
    task: str
    steps: int
    failure: str = ""
    """How it failed, one of ``events.Failure``; empty in reports of earlier releases."""


class FailureCount(NamedTuple):
    """How many of a cell's episodes failed in one way, one of ``events.Failure``."""

    failure: str
    episodes: int


class Group(NamedTuple):
    """How one sub-dimension of the cell fared."""

    name: str
    successes: int
    played: int


class Changed(NamedTuple):
    """A task that came out otherwise than in the accepted run, ``lost`` or ``gained``, and the episode to see."""

    task: str
    episode: int
    how: str


class Elsewhere(NamedTuple):
    """What another paper prints for the same model and dimension; ``rate`` is a fraction."""

    rate: float
    source: str


class GateReport(NamedTuple):
    """One baseline's question and its answer; ``side`` is validate, regress or above, ``verdict`` pass, fail or open.

    ``baseline_tasks`` and ``margin_tasks`` are the question in tasks (of failures where the side is above), ``decided``
    the episodes after which it was answered, 0 where it was not: with the error rates the verdict can be recomputed.
    ``pairs`` counts tasks (kept, lost, gained, neither) against the accepted run, empty where none is known task by
    task. ``mcnemar_p`` is exact for a number of tasks fixed beforehand, descriptive after an early verdict.
    ``elsewhere`` says how far other papers' numbers for the same cell lie apart, lowest first; it decides nothing.
    """

    side: str
    verdict: str
    baseline: float
    source: str
    margin: float
    raised: bool
    log_pass: float
    log_fail: float
    pairs: tuple[int, ...] = ()
    mcnemar_p: float = 1.0
    mcnemar_log: float = 0.0
    changed: tuple[Changed, ...] = ()
    baseline_tasks: int = 0
    margin_tasks: int = 0
    alpha_pass: float = 0.0
    alpha_fail: float = 0.0
    decided: int = 0
    elsewhere: tuple[Elsewhere, ...] = ()


class CreditReport(NamedTuple):
    """A cell's second question, about subgoals, and its answer: pass, fail or open.

    ``needed`` and ``mean`` are shares of subgoals reached, of all tasks and of those played; ``decided`` counts the
    episodes after which it was answered, 0 where it was not.
    """

    needed: float
    mean: float
    verdict: str
    decided: int
    log_pass: float
    log_fail: float
    alpha_pass: float
    alpha_fail: float


class AblationResult(NamedTuple):
    """What an ablation did on the tasks that the cell's verdict rests on.

    ``pairs`` counts tasks (solved by both, by the whole model alone, by the ablated one alone, by neither); ``p`` is
    McNemar's, exact and two-sided; ``audit`` is the ledger's id of the ablation's episodes.
    """

    modality: str
    successes: int
    played: int
    pairs: tuple[int, ...]
    p: float
    audit: int


class RepeatReport(NamedTuple):
    """How far a second run of the same checkpoint differed on the first tasks of the order.

    ``low`` and ``high`` bound the share of tasks on which the two runs of the whole list would differ.
    """

    tasks: int
    discordant: int
    low: float
    high: float
    margin: float
    """What a rerun loses about once in a hundred times, a fraction of the list."""


class Estimated(NamedTuple):
    """The rate over all tasks that could have been audited, without the bias of stopping early; fractions.

    ``low`` and ``high`` are its 95 % interval, wide where a budget audits few of these tasks. ``rate`` is too high as
    often as too low; ``mean`` is right on average, with standard ``deviation``: for sums.
    """

    rate: float
    low: float
    high: float
    mean: float
    deviation: float


class Drifting(NamedTuple):
    """Whether outcomes depended on when they were played: ``p`` of the prefix, the rates of its two halves.

    ``spots`` episodes beyond the verdict, spread over the rest of the order, had ``spot_successes``; ``spot_p`` is the
    probability of so few if the verdict is true. ``alarm`` is what was found at the cell's error rate.
    """

    p: float
    early: float
    late: float
    alarm: bool
    spots: int = 0
    spot_successes: int = 0
    spot_p: float = 1.0


class Rerun(NamedTuple):
    """What the ledger knows of earlier runs of this checkpoint on these tasks, and what all of them say together.

    ``verdicts`` are theirs, oldest first. ``pooled`` is pass, fail or open, empty where nobody asked; ``common`` is how
    many tasks all of them played, ``rate`` their mean success on those.
    """

    verdicts: tuple[str, ...] = ()
    pooled: str = ""
    common: int = 0
    rate: float = 0.0


NO_RERUN = Rerun()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """How an audit ended, which is what the ledger keeps of it; rates, margin and interval are fractions.

    ``low`` and ``high`` are the confidence sequence for all tasks that could have been audited, ``log_pass`` and
    ``log_fail`` natural logarithms of the two e-values; ``measured`` is a cell without a baseline, played to its end,
    and ``error`` one that could not be played.
    """

    outcome: Outcome | Literal["error"]
    successes: int
    played: int
    low: float
    high: float
    baseline: float | None = None
    source: str = ""
    margin: float = 0.0
    margin_raised: bool = False
    log_pass: float = 0.0
    log_fail: float = 0.0
    notes: Notes = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellReport(Conclusion, CarriedByField):
    """The conclusion of a decided cell, with what a report shows beside it.

    ``total`` is the audited population, ``listed`` what the benchmark's list holds for this cell and ``playable`` what
    of it this installation can play; ``drawn_from`` counts the tasks that could have been audited, fewer than
    ``playable`` where an accepted run knows only some, 0 where it is unknown. ``audit`` is the ledger's id of the
    attempt. Of several questions the figures are
    those of the one that failed, or else of the strictest; ``needed`` is the least rate that passes it, the greatest
    where its ``side`` is above. A false FAIL in any of ``questions`` cells was to be had at one error rate.
    ``estimate`` is None where the verdict stopped the cell early and no unbiased one is known. ``failures`` count its
    failed episodes, most frequent first; ``progress`` is the mean share of subgoals reached, None where it is unknown
    of some episode.
    """

    PROPERTY: ClassVar[str] = "robustness_"

    outcome: Outcome
    model: str
    benchmark: str
    dimension: str
    total: int
    playable: int
    listed: int
    seconds: float
    resumed: int = 0
    above: bool = False
    order_seed: str = ""
    audit: int = 0
    groups: tuple[Group, ...] = ()
    failed: tuple[FailedTask, ...] = ()
    failures: tuple[FailureCount, ...] = ()
    progress: float | None = None
    credit: CreditReport | None = None
    gates: tuple[GateReport, ...] = ()
    ablations: tuple[AblationResult, ...] = ()
    repeat: tuple[RepeatReport, ...] = ()
    needed: float | None = None
    side: str = ""
    questions: int = 1
    estimate: Estimated | None = None
    drift: Drifting | None = None
    reruns: Rerun = NO_RERUN
    taken: str = ""
    checkpoint: str = ""
    drawn_from: int = 0

    @property
    def rate(self) -> float:
        """Success rate over the episodes that count."""
        return self.successes / self.played

    @property
    def shown(self) -> tuple[float, float, float]:
        """The rate that is shown, with its interval: without the bias of stopping early where that is known."""
        if self.estimate is None:
            return self.rate, self.low, self.high
        return self.estimate[:3]

    @property
    def drifts(self) -> bool:
        """Whether outcomes depended on when they were played, so that an early verdict means less."""
        return self.drift is not None and self.drift.alarm

    @property
    def saved(self) -> int:
        """Episodes of the audited population that the early verdict made unnecessary."""
        return self.total - self.played
