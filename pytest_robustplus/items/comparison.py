"""A comparison of policies in the hands of a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.items import fuzzing, helping, preflight
from pytest_robustplus.items.reports import STORY
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.reporting import skips
from pytest_robustplus.reporting.comparison import story
from pytest_robustplus.results.comparison import Asked, ComparisonReport, ContrastReport
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import session_of


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two or more policies on a benchmark under one perturbation dimension."""

    _cells: Sequence[TableCell]
    _item: pytest.Item

    @property
    def of(self) -> tuple[TableCell, ...]:
        """The cells that are compared, as values, without their item."""
        return tuple(self._cells)

    @property
    def models(self) -> tuple[str, ...]:
        """The policies, in the order in which they were named."""
        return tuple(cell.card.name for cell in self._cells)

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark."""
        return self._cells[0].benchmark

    @property
    def dimension(self) -> Dimension:
        """The perturbation dimension."""
        return self._cells[0].dimension

    def _of_two(self, asked: str) -> None:
        if len(self._cells) != 2:
            pytest.skip(skips.of_two(asked, len(self._cells)))


class Comparison(_Compared):
    """Two or more policies on the same tasks of a benchmark under one perturbation dimension.

    A test marked ``robustness`` that asks for ``comparison`` gets one item for each dimension of each group that
    --robust-compare names. Recorded results take part as live policies do.
    """

    __slots__ = ()

    def answer(self) -> str:
        """Play until it is known which policy solves more tasks, or that they are equal within the margin.

        Returns the better one's name, ``equal``, or of more than two those that nobody beats, with commas. Raises
        ``SimulatorError`` or ``PolicyError`` when episodes could not be played.
        """
        report = self._report("which" if len(self._cells) == 2 else "best", None)
        if report.answer == "unbeaten":
            return ",".join(report.unbeaten)
        return {"first": report.models[0], "second": report.models[1]}.get(report.answer, report.answer)

    def better(self) -> bool:
        """Say whether the first solves more tasks than the second."""
        return self._gate("better", 0.0)

    def not_worse(self, margin: float | None = None) -> bool:
        """Say whether the first solves at most ``margin`` (a fraction of the tasks) fewer than the second."""
        return self._gate("not_worse", margin)

    def equivalent(self, margin: float | None = None) -> bool:
        """Say whether the two differ by at most ``margin`` (a fraction of the tasks; --robust-margin unless given)."""
        return self._gate("equivalent", margin)

    def _gate(self, asked: Asked, margin: float | None) -> bool:
        self._of_two(asked)
        report = self._report(asked, margin)
        if report.answer == "fail":
            self._item.stash[STORY] = story(report, self.benchmark.title)
        return report.answer == "pass"

    def _report(self, asked: Asked, margin: float | None) -> ComparisonReport:
        # Collecting does not need them.
        from pytest_robustplus.evaluation.comparison import Contest
        from pytest_robustplus.evaluation.resources import resources_of

        config = self._item.config
        session, resources = session_of(config), resources_of(config)
        helping.prepare(self._item.session)
        for cell in self._cells:
            preflight.run_missing(resources, cell, self._item)
            preflight.skip_unfit(session, cell)
        points = session.settings.margin if margin is None else margin
        report = Contest(resources, self._cells, asked, points).decide()
        self._item.user_properties.extend(report.properties())
        if report.answer == "undecided":
            pytest.skip(skips.of_comparison(report))
        return report


class Contrast(_Compared):
    """Where two policies differ most, among the perturbations of a dimension that can be generated.

    A test marked ``robustness`` that asks for ``contrast`` gets one item for each dimension of each pair that
    --robust-compare names.
    """

    __slots__ = ()

    def search(self) -> bool:
        """Look for the generated perturbation of this dimension under which the two differ most, and say if they do.

        Plays pairs of unperturbed tasks with perturbations of its own, --robust-budget of them at most, besides those
        that show which tasks are solved unperturbed. What is found is measured on fresh episodes; it goes into
        --robust-corpus, whose cases are tried first.
        """
        from pytest_robustplus.evaluation.resources import resources_of
        from pytest_robustplus.evaluation.searching import Search
        from pytest_robustplus.evaluation.trials import generated
        from pytest_robustplus.fuzz.contrast import contrasts
        from pytest_robustplus.fuzz.falsify import BUDGET
        from pytest_robustplus.fuzz.files import read_corpus
        from pytest_robustplus.fuzz.space import SPACES, Spaces

        self._of_two("a contrast")
        session, resources = session_of(self._item.config), resources_of(self._item.config)
        if any(cell.recorded for cell in self._cells) or self.dimension not in generated(self._cells[0]):
            pytest.skip(skips.not_generated(self.dimension, self.models, self.benchmark.title))
        first, second = (fuzzing.trials_of(resources, cell.subject) for cell in self._cells)
        known = read_corpus(session.settings.corpus, self.benchmark.name, (self.dimension,))
        budget = session.settings.budget or BUDGET
        helping.prepare(self._item.session)
        spaces = Spaces((SPACES[self.dimension],))
        search = Search(resources, self._cells, lambda: contrasts(first, second, spaces, budget, known))
        best = next(iter(search.decide()), None)
        text, words = ("", "") if best is None else (json.dumps(best.perturbation.to_json()), repr(best.perturbation))
        figures = (0, 0, 0, 0, 0, 1.0) if best is None else best[1:]
        models = (self.models[0], self.models[1])
        report = ContrastReport(models, self.benchmark.name, str(self.dimension), text, words, *figures)
        self._item.user_properties.extend(report.properties())
        return report.p <= session.settings.alpha_pass
