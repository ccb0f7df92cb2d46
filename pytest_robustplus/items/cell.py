"""A cell of the robustness table in the hands of a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.benchmarks.contract import Benchmark, Task
from pytest_robustplus.items import helping, preflight
from pytest_robustplus.items.reports import STORY
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import Card
from pytest_robustplus.reporting import skips
from pytest_robustplus.reporting.text import paragraph
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import session_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a robustness table: a model on a benchmark under one perturbation dimension.

    A test marked ``robustness`` that asks for ``cell`` gets one item for each cell that the run chose.
    """

    _cell: TableCell
    _item: pytest.Item

    @property
    def card(self) -> Card:
        """The model."""
        return self._cell.card

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark."""
        return self._cell.benchmark

    @property
    def dimension(self) -> Dimension:
        """The perturbation dimension."""
        return self._cell.dimension

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites of the benchmark that the cell's tasks come from."""
        return self._cell.suites

    @property
    def of(self) -> TableCell:
        """The cell as a value, without its item."""
        return self._cell

    @property
    def id(self) -> str:
        """The stable name between the brackets of the test's id."""
        return self._cell.id

    def tasks(self) -> list[Task]:
        """The benchmark's tasks that belong to the cell, those included that cannot be played here."""
        return self._cell.tasks()

    @property
    def baseline(self) -> Baseline | tuple[Baseline, ...] | None:
        """What --robust-baseline holds the cell against: one number, several, or None when there is none."""
        found = session_of(self._item.config).baselines_of(self._cell)
        return found if len(found) > 1 else next(iter(found), None)

    def not_worse_than(self, baseline: Baseline | Sequence[Baseline] | None) -> bool:
        """Play until it is known whether the cell reaches the baseline, or each of several, less its margin.

        Without a baseline the whole population is played and the test is skipped with the figures: measured, not
        passed. A cell that fails turns its test red whatever the test does with the answer. Raises ``SimulatorError``
        or ``PolicyError`` when episodes could not be played.
        """
        # Collecting does not need them.
        from pytest_robustplus.evaluation.ablation import with_ablations
        from pytest_robustplus.evaluation.audit import Audit
        from pytest_robustplus.evaluation.rerun import with_repeat
        from pytest_robustplus.evaluation.resources import resources_of

        cell, config = self._cell, self._item.config
        session, resources = session_of(config), resources_of(config)
        helping.prepare(self._item.session)
        if not session.settings.merge:
            preflight.run_missing(resources, cell, self._item)
            preflight.skip_unfit(session, cell)
        baselines = [] if baseline is None else [baseline] if isinstance(baseline, Baseline) else baseline
        audit = Audit(resources, cell, baselines)
        if audit.empty:
            pytest.skip(skips.empty_share(session.share))
        report = audit.decide()
        report = with_ablations(resources, cell, baselines, report)
        report = with_repeat(resources, cell, report)
        self._item.user_properties.extend(report.properties())
        if report.outcome == "measured":
            pytest.skip(skips.of_cell(report))
        if report.outcome == "fail":
            title = f"{report.dimension} of {report.model} on {cell.benchmark.title}"
            self._item.stash[STORY] = paragraph(report, title)
        return report.outcome == "pass"
