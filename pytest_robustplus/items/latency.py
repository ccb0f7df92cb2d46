"""A model in the hands of a latency test."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_robustplus.items.preflight import skip_unavailable
from pytest_robustplus.items.reports import IDENTITY, STORY
from pytest_robustplus.reporting import skips
from pytest_robustplus.reporting.latency import paragraph
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import session_of


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency of a model on a benchmark: one a model for a test marked ``robustness`` that asks for ``latency``."""

    _subject: Subject
    _item: pytest.Item

    def not_slower(self, allowed: float = 0.10, p95: float | None = None) -> bool:
        """Time the model and say whether it is at most ``allowed`` slower than each of what it is held against.

        ``allowed`` is about the median; ``p95``, unless None, is what the 95th percentile may be slower by. A model
        that becomes slower while it is timed fails, too. With nothing to hold it against, or where the interval leaves
        the answer open, the test is skipped with the figures: measured or undecided, not passed. Raises
        ``RobustnessError`` when the policy could not be reached or answered.
        """
        from pytest_robustplus.evaluation.latency.timing import time_model
        from pytest_robustplus.evaluation.resources import resources_of
        from pytest_robustplus.statistics.slowdown import LatencyPlan

        subject, item = self._subject, self._item
        skip_unavailable(subject)
        if session_of(item.config).settings.cluster:
            pytest.skip(skips.ON_A_CLUSTER)
        if subject.card.family == "script":
            pytest.skip(skips.infers_nothing(subject.card.title))
        carried = (other.stash.get(IDENTITY, None) for other in item.session.items)
        timed = frozenset(
            one.model
            for one in carried
            if one is not None and one.kind == "latency" and one.benchmark == subject.benchmark.name
        )
        plans = [LatencyPlan(allowed=allowed)]
        if p95 is not None:
            plans.append(LatencyPlan(allowed=p95, quantile=0.95))
        report = time_model(resources_of(item.config), subject, plans, timed)
        item.user_properties.extend(report.properties())
        if report.outcome in ("measured", "undecided"):
            pytest.skip(skips.of_latency(report))
        if report.outcome == "fail":
            item.stash[STORY] = paragraph(report, subject.benchmark.title)
        return report.outcome == "pass"
