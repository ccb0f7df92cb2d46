"""The questions asked of one cell: no worse than the paper, no worse than the last accepted run, no better either."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.evaluation.population import Population
from pytest_robustplus.options import Settings
from pytest_robustplus.results.cell import Changed, Elsewhere, GateReport
from pytest_robustplus.results.notes import Note
from pytest_robustplus.statistics.discordance import FEWEST, rerun_margin
from pytest_robustplus.statistics.evalues import Plan, Planned, Verdict, least_budget, plan
from pytest_robustplus.statistics.paired import PairedPlan, Pairs
from pytest_robustplus.statistics.sequential import (
    Counted,
    Counts,
    Decision,
    Mirrored,
    Outcomes,
    SequentialTest,
    traced_above,
)

Side = Literal["validate", "regress", "above"]
# How many times the episodes of its PASS a cell may take until it is known to be above. A PASS alone comes too soon: in
# none of 60 simulated runs was a policy that solves everything known to be above a paper's 60 % by then (1,400 tasks,
# seven cells). With 8 all of them are, after 22 episodes in place of 9; a policy as good as its paper pays 1 % more.
WATCHED = 8


class Gate:
    """One baseline's question, looked at after every episode of the order until it is answered.

    A baseline with outcomes task by task is audited paired with them: far fewer episodes where the two runs agree.
    """

    def __init__(self, baseline: Baseline, planned: Planned, previous: Sequence[bool] | None, side: Side) -> None:
        self.baseline, self.planned, self.side = baseline, planned, side
        self.decision: Decision | None = None
        self._previous = None if previous is None else tuple(previous)
        self.test: SequentialTest = _test(planned.plan, self._previous, side)
        self._judged = 0

    def update(self, outcomes: Sequence[bool]) -> None:
        """Judge after each of ``outcomes``, the contiguous prefix of the order, that was not judged before."""
        if self.decision is None:
            self.decision = self.test.decide(outcomes, self._judged)
            self._judged = len(outcomes)

    def foreseen(self, played: int, successes: int, chance: float = 0.5) -> int:
        """After how many episodes it is answered with a ``chance`` (at least a half), judged by the rate so far.

        ``played`` is at least one; pairs are unregarded. Of what is to come a rate known from so few episodes is
        uncertain, too (beta-binomial, as a normal).
        """
        asked, quantile = self.planned.plan, NormalDist().inv_cdf(chance)
        counted = played - successes if self.side == "above" else successes

        def verdict(count: int, quantile: float) -> Verdict | None:
            likely = counted * count / played + quantile * _spread(played, counted, count - played)
            return asked.verdict(count, min(max(round(likely), counted), counted + count - played))

        def answered(count: int) -> bool:
            # Evidence moves one way with every success: what so few pass with, more pass with, too.
            return verdict(count, -quantile) is Verdict.PASS or verdict(count, quantile) is Verdict.FAIL

        ahead = range(played + 1, asked.total)
        return played + 1 + bisect_left(ahead, True, key=answered)

    def report(self, outcomes: Sequence[bool], tasks: Sequence[str], episodes: Sequence[int]) -> GateReport:
        """Put the question and its answer into figures; ``tasks`` and ``episodes`` stand in playing order."""
        evidence, asked = self.test.log_evalues(outcomes), self.planned.plan
        # Helpers may have played on beyond the verdict of the cell; what they add decides nothing.
        answered = self.decision if self.decision is not None and self.decision.played <= len(outcomes) else None
        report = GateReport(
            side=self.side,
            verdict="open" if answered is None else str(answered.verdict),
            baseline=self.rate,
            source=self.baseline.source,
            margin=self.planned.margin,
            raised=self.planned.raised,
            log_pass=evidence.log_pass,
            log_fail=evidence.log_fail,
            baseline_tasks=asked.baseline,
            margin_tasks=asked.margin,
            alpha_pass=asked.alpha_pass,
            alpha_fail=asked.alpha_fail,
            decided=0 if answered is None else answered.played,
            elsewhere=tuple(Elsewhere(other.rate, other.source) for other in self.baseline.elsewhere),
        )
        if self._previous is None:
            return report
        pairs = Pairs.of(self._previous, outcomes)
        changes = [
            Changed(task, episode, "gained" if now else "lost")
            for task, episode, before, now in zip(tasks, episodes, self._previous, outcomes, strict=False)
            if before != now
        ]
        return report._replace(
            pairs=tuple(pairs),
            mcnemar_p=pairs.mcnemar_p,
            mcnemar_log=pairs.mcnemar_log_evalue,
            changed=tuple(sorted(changes, key=lambda change: (change.how == "gained", change.task))),
        )

    def above(self, outcomes: Sequence[bool]) -> list[Note]:
        """A note, if ``outcomes`` prove it, that the cell is above this baseline by more than the margin."""
        played, successes, asked = len(outcomes), sum(outcomes), self.planned.plan
        if self.side == "above" or not asked.above(played, successes):
            return []
        log = asked.log_above(played, successes)
        return [
            Note.of("above", side=self.side, successes=successes, played=played, baseline=self.rate, log_evalue=log)
        ]

    @property
    def rate(self) -> float:
        """The baseline's success rate on the audited tasks."""
        return self.baseline.rate if self._previous is None else sum(self._previous) / len(self._previous)


class Watch:
    """Whether a cell that has passed is far above a published number: said aloud, at the error rate of a FAIL.

    A cell whose rate is above plays on while that would be known within ``WATCHED`` times the episodes of its PASS.
    """

    def __init__(self, published: Sequence[Plan]) -> None:
        self._published = tuple(published)
        self._judged = 0

    def stop(self, outcomes: Sequence[bool], passed: int) -> int | None:
        """After how many of ``outcomes``, at least ``passed``, the cell stops; None: play on."""
        for played in range(max(passed, self._judged), len(outcomes) + 1):
            if self.foreseen(played, sum(outcomes[:played]), passed) is None:
                return played
            self._judged = played + 1
        return None

    def foreseen(self, played: int, successes: int, passed: int) -> int | None:
        """After how many episodes ``above`` is known if this rate holds; None where it is, or will not be soon."""
        return max(filter(None, (_foreseen(p, played, successes, passed) for p in self._published)), default=None)

    def plays_on(self, passed: int, played: int, successes: Counts) -> Outcomes:
        """At which ``successes`` (an array) after ``played`` tasks a cell that passed after ``passed`` plays on."""
        on = np.zeros(len(successes), dtype=bool)
        for asked in self._published:
            limit, known = min(WATCHED * passed, asked.total), traced_above(asked)
            if played < limit:
                ahead = np.rint(successes * limit / played)
                on |= (successes < known[played]) & (ahead >= known[limit])
        return on


def _spread(played: int, successes: int, more: int) -> float:
    """The standard deviation of the successes in ``more`` episodes, where any rate was as likely beforehand."""
    known = played + 2
    rate = (successes + 1) / known
    return math.sqrt(more * rate * (1 - rate) * (known + more) / (known + 1))


def _foreseen(plan: Plan, played: int, successes: int, passed: int) -> int | None:
    def known(count: int) -> bool:
        return plan.above(count, round(successes * count / played))

    limit = min(WATCHED * passed, plan.total)
    if played >= limit or known(played) or not known(limit):
        return None
    ahead = range(played + 1, limit)
    return played + 1 + bisect_left(ahead, True, key=known)


def watch(asked: Sequence[Gate], settings: Settings) -> Watch:
    """Watch the published baselines, except where being above them is a question of its own.

    An accepted run is meant to be surpassed; where the episodes played show it, that is said, too.
    """
    published = [gate.planned.plan for gate in asked if gate.side == "validate"]
    return Watch([] if settings.two_sided else published)


class Asked(NamedTuple):
    """The questions of a cell, and why others of its baselines are none."""

    gates: list[Gate]
    unasked: list[Note]


def gates(baselines: Sequence[Baseline], population: Population, settings: Settings, questions: int) -> Asked:
    """Turn the baselines of a cell into its questions; a false FAIL in any of ``questions`` cells costs the run.

    FAIL is a union over cells and gates, so each gets its share of the error rate; PASS needs every one of them and
    keeps its own. The noise floor of the margin gets the same share: an unchanged policy turns a run red at most that
    often, too. A baseline that no outcome could fall short of asks nothing.
    """
    alpha_fail = share_of_alpha(len(baselines), settings, questions)
    total, found, unasked = len(population.tasks), list[Gate](), list[Note]()
    for baseline in baselines:
        previous = population.previous(baseline)
        rate = baseline.rate if previous is None else sum(previous) / len(previous)
        # An accepted run that stopped early did so where it looked good: half of the level pays for that.
        early = previous is not None and population.known < population.playable
        noise = alpha_fail / 2 if early else alpha_fail
        floor = measured_floor(baseline, total, noise)
        planned = plan(rate, total, settings.margin, settings.alpha_pass, alpha_fail, noise, floor=floor)
        if planned.plan.vacuous:
            budget = least_budget(rate, population.known, settings.margin, noise)
            unasked.append(
                Note.of(
                    "cannot_fail", rate=rate, raised=planned.raised, total=total, margin=planned.margin, budget=budget
                )
            )
            continue
        found.append(Gate(baseline, planned, previous, "validate" if previous is None else "regress"))
        if settings.two_sided and planned.plan.baseline + planned.plan.margin < total:
            mirrored = replace(planned.plan, baseline=total - planned.plan.baseline)
            found.append(Gate(baseline, planned._replace(plan=mirrored), previous, "above"))
    return Asked(found, unasked)


def share_of_alpha(baselines: int, settings: Settings, questions: int) -> float:
    """The error rate of one question's FAIL, of a run whose every cell asks about so many baselines."""
    sides = 2 if settings.two_sided else 1
    asked = baselines * sides + (settings.subgoals is not None)
    return settings.alpha_fail / (questions * max(asked, 1 if settings.subgoals is not None else sides))


def measured_floor(baseline: Baseline, total: int, alpha: float) -> float | None:
    """The margin that the accepted checkpoint's own repeats ask for; None where there are none, or too few."""
    if baseline.repeats is None or baseline.repeats[0] < FEWEST:
        return None
    repeats, discordant = baseline.repeats
    return rerun_margin(discordant, repeats, total, alpha)


def strictest(reports: Sequence[GateReport]) -> GateReport | None:
    """The question whose figures stand for a cell's: one that failed, else the one that asks for most."""
    failed = [report for report in reports if report.verdict == "fail"]
    among = failed or [report for report in reports if report.side != "above"]
    return max(among, key=lambda report: report.baseline_tasks - report.margin_tasks, default=None)


def _test(asked: Plan, previous: tuple[bool, ...] | None, side: Side) -> SequentialTest:
    if side == "above":
        flipped = None if previous is None else tuple(not outcome for outcome in previous)
        return Mirrored(_test(asked, flipped, "validate"))
    return Counted(asked) if previous is None else PairedPlan(asked, previous)
