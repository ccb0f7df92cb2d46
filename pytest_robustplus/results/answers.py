"""What the items of a run were asked and answered, collected from their reports: one record of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import pytest

from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport, Probe, probes
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import LatencyResult, result_of
from pytest_robustplus.results.notes import Note
from pytest_robustplus.results.run import TRACEBACK, CellName, CellResult, State, reason

_BADNESS: tuple[State, ...] = ("unfinished", "skipped", "measured", "pass", "error", "fail")
Columns = Callable[[str], Sequence[str]]
"""The dimensions of the benchmark of that name, in the order of its table."""
Answer = TypeVar("Answer")


class Answers(Generic[Answer]):
    """One answer a question, however many items ask it: where some plugin repeats tests, the worst of theirs."""

    def __init__(self, badness: Callable[[Answer], int]) -> None:
        self._badness = badness
        self._found: dict[Identity, dict[str, Answer]] = {}

    def put(self, item: Identity, node: str, answer: Answer) -> None:
        """Take an item's answer, in place of an earlier one of the same item."""
        self._found.setdefault(item, {})[node] = answer

    def of(self, item: Identity, node: str) -> Answer | None:
        """What an item has answered so far."""
        return self._found.get(item, {}).get(node)

    def all(self) -> dict[Identity, Answer]:
        """Every question with its answer, in the order in which the first items answered."""
        return {item: max(found.values(), key=self._badness) for item, found in self._found.items()}


class Results:
    """Collects test reports, from this process or from workers, into one answer per question that a test asks.

    Answers stand in the order in which their tests, models and benchmarks were asked about, then in the order of the
    benchmark's ``columns``, and then in that of the questions: that in which workers finish says nothing.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._asked: dict[str, Identity] = {}
        self._told_of: set[str] = set()
        self._cells: Answers[CellResult] = Answers(lambda result: _BADNESS.index(result.state))
        self._timed: Answers[LatencyResult] = Answers(lambda result: ("fail", "error").count(result.state))
        self._compared: Answers[ComparisonReport] = Answers(lambda report: report.answer == "fail")
        self._apart: Answers[ContrastReport] = Answers(lambda report: 0)
        self._claimed: Answers[ClaimReport] = Answers(lambda report: report.verdict == "refuted")
        self._probed: Answers[Probe] = Answers(lambda probe: probe.outcome == "fail")

    def expect(self, items: Mapping[str, Identity]) -> None:
        """Announce the items of this run by node id: what never reports is unanswered, not forgotten."""
        self._asked.update(items)

    def add(self, report: pytest.TestReport) -> None:
        """Take one phase of one test; a decided cell stays decided whatever its teardown does."""
        item = Identity.read(report.user_properties) or self._asked.get(report.nodeid)
        if report.when == "call" or not report.passed:
            self._told_of.add(report.nodeid)
        if item is None:
            return
        if item.kind == "cell":
            self._add_cell(report, item)
        if (latency := result_of(report, item, reason(report))) is not None:
            self._timed.put(item, report.nodeid, latency)
        if report.when != "call":
            return
        if (compared := ComparisonReport.read(report.user_properties)) is not None:
            self._compared.put(item, report.nodeid, compared)
        if (apart := ContrastReport.read(report.user_properties)) is not None:
            self._apart.put(item, report.nodeid, apart)
        if (claimed := ClaimReport.read(report.user_properties)) is not None:
            self._claimed.put(item, report.nodeid, claimed)
        for probe in probes(report.user_properties):
            self._probed.put(item, report.nodeid, probe)

    def cells(self) -> list[CellResult]:
        """One result per cell that was asked about, those included that have none yet."""
        nodes = {item: node for node, item in reversed(self._asked.items()) if item.kind == "cell"}
        found = self._cells.all()
        return [found.get(item) or _unfinished(item, nodes[item]) for item in self._in_order({**nodes, **found})]

    def findings(self) -> Findings:
        """All that the run has found out so far, and what it has not."""
        found = self._all(self._probed)
        return Findings(
            tuple(self.cells()),
            self._all(self._timed),
            self._all(self._compared),
            tuple(probe for probe in found if isinstance(probe, FrontierReport)),
            tuple(probe for probe in found if isinstance(probe, FuzzReport)),
            self._all(self._apart),
            self._all(self._claimed),
            self._unanswered(),
        )

    def _unanswered(self) -> tuple[Identity, ...]:
        """The questions that the run ended before, however it ended; checks are none, they come with every run."""
        answered = {item for node, item in self._asked.items() if node in self._told_of}
        return tuple(
            item for item in self._in_order(self._asked.values()) if item.kind != "check" and item not in answered
        )

    def _all(self, answers: Answers[Answer]) -> tuple[Answer, ...]:
        found = answers.all()
        return tuple(found[item] for item in self._in_order(found))

    def _in_order(self, items: Iterable[Identity]) -> list[Identity]:
        items = [*dict.fromkeys(items)]
        rows = dict.fromkeys(_row(item) for item in (*self._asked.values(), *items))
        places = {row: place for place, row in enumerate(rows)}
        asked = {item: place for place, item in enumerate(dict.fromkeys(self._asked.values()))}

        def place(item: Identity) -> tuple[int, int, int]:
            columns = [str(dimension) for dimension in self._columns(item.benchmark)]
            column = columns.index(item.subject) if item.subject in columns else len(columns)
            return places[_row(item)], column, asked.get(item, len(asked))

        return sorted(items, key=place)

    def _add_cell(self, report: pytest.TestReport, item: Identity) -> None:
        known, name = self._cells.of(item, report.nodeid), CellName(item.model, item.benchmark, item.subject)
        figures = CellReport.read(report.user_properties) if report.when == "call" else None
        if figures is not None:
            # The audit decided; a test that failed otherwise, say by an assertion of its own, is no passed cell.
            state: State = "fail" if report.failed else figures.outcome
            self._cells.put(item, report.nodeid, CellResult(report.nodeid, name, state, "", figures))
        elif (known is None or not known.decided) and (report.failed or report.skipped):
            state = "error" if report.failed else "skipped"
            trace = next((str(text) for key, text in reversed(report.user_properties) if key == TRACEBACK), "")
            result = CellResult(report.nodeid, name, state, reason(report), trace=trace)
            self._cells.put(item, report.nodeid, result)


def _row(item: Identity) -> tuple[str, str, str, str]:
    return item.test, item.kind, item.model, item.benchmark


def _unfinished(item: Identity, node: str) -> CellResult:
    name = CellName(item.model, item.benchmark, item.subject)
    return CellResult(node, name, "unfinished", Note.of("unfinished"))
