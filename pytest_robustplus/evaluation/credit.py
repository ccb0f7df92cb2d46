"""A second question of a cell: does the mean share of subgoals that its episodes reach suffice?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_robustplus.results.cell import CreditReport
from pytest_robustplus.statistics.bounded import MeanPlan
from pytest_robustplus.statistics.sequential import Decision


class Credit:
    """The question, looked at after every episode of the order until it is answered.

    It cannot be asked of episodes that nobody watched: from the first of them on it stays ``lost``.
    """

    def __init__(self, plan: MeanPlan) -> None:
        self.plan = plan
        self.decision: Decision | None = None
        self.lost = False
        self._judged = 0

    def update(self, shares: Sequence[float | None]) -> None:
        """Judge the shares of subgoals of the prefix, None where they are unknown."""
        if self.decision is not None or self.lost or len(shares) == self._judged:
            return
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            self.lost = True
            return
        self._judged = len(shares)
        found = self.plan.decide(known)
        self.decision = None if found is None else Decision(*found)

    def report(self, shares: Sequence[float | None]) -> CreditReport:
        """Put the question and its answer into figures."""
        known = [share for share in shares if share is not None]
        evidence = self.plan.log_evalues([] if self.lost else known)
        answered = self.decision if self.decision is not None and self.decision.played <= len(known) else None
        return CreditReport(
            needed=self.plan.needed,
            mean=math.fsum(known) / len(known) if known else 0.0,
            verdict="open" if answered is None else str(answered.verdict),
            decided=0 if answered is None else answered.played,
            log_pass=evidence.log_pass,
            log_fail=evidence.log_fail,
            alpha_pass=self.plan.alpha_pass,
            alpha_fail=self.plan.alpha_fail,
        )
