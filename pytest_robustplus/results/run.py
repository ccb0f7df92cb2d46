"""What a run ended with, cell by cell: decided cells with their figures, and the others with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pytest

from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.identity import Answers, Identity
from pytest_robustplus.results.notes import Note

State = Literal["pass", "fail", "measured", "error", "skipped", "unfinished"]
# The properties of a test that has failed by a fault: what kind, and the paragraph without its traceback.
UNPLAYABLE = "unplayable"
REASON = "reason"
TRACEBACK = "traceback"
_BADNESS: tuple[State, ...] = ("unfinished", "skipped", "measured", "pass", "error", "fail")


class CellName(NamedTuple):
    """Which cell: the key under which results, ledger and baselines meet."""

    model: str
    benchmark: str
    dimension: str

    def __str__(self) -> str:
        return f"{self.model}-{self.benchmark}-{self.dimension}"


@dataclass(frozen=True, slots=True)
class CellResult:
    """How one cell ended; ``figures`` are there exactly when it was decided, otherwise ``reason`` says why not."""

    node: str
    name: CellName
    state: State
    reason: Note | str = ""
    figures: CellReport | None = None
    trace: str = ""
    """The traceback of the user's code that made it an error, if it was that."""

    @property
    def decided(self) -> bool:
        """Whether there is a rate: nothing else may be shown as a result."""
        return self.figures is not None


class Results:
    """Collects test reports, from this process or from workers, into one result per cell that a test asks about."""

    def __init__(self) -> None:
        self._expected: dict[str, Identity] = {}
        self._found: Answers[CellResult] = Answers(lambda result: _BADNESS.index(result.state))

    def expect(self, items: Mapping[str, Identity]) -> None:
        """Announce the items of this run by node id: a cell that never reports is unfinished, not forgotten."""
        self._expected.update({node: item for node, item in items.items() if item.kind == "cell"})

    def add(self, report: pytest.TestReport, item: Identity | None) -> None:
        """Take one phase of one test; a decided cell stays decided whatever its teardown does."""
        item = self._expected.get(report.nodeid) if item is None else item
        name = None if item is None else cell_name(item)
        if item is None or name is None:
            return
        known = self._found.of(item, report.nodeid)
        figures = CellReport.read(report.user_properties) if report.when == "call" else None
        if figures is not None:
            # The audit decided; a test that failed otherwise, say by an assertion of its own, is no passed cell.
            state: State = "fail" if report.failed else figures.outcome
            self._found.put(item, report.nodeid, CellResult(report.nodeid, name, state, "", figures))
        elif (known is None or not known.decided) and (report.failed or report.skipped):
            state = "error" if report.failed else "skipped"
            trace = next((str(text) for key, text in reversed(report.user_properties) if key == TRACEBACK), "")
            result = CellResult(report.nodeid, name, state, reason(report), trace=trace)
            self._found.put(item, report.nodeid, result)

    def cells(self) -> list[CellResult]:
        """One result per cell, in the order in which they were collected or, failing that, reported."""
        nodes = {item: node for node, item in reversed(self._expected.items())}
        items = dict.fromkeys([*self._expected.values(), *self._found.all()])
        return [self._found.worst(item) or _unfinished(item, nodes[item]) for item in items]


def _unfinished(item: Identity, node: str) -> CellResult:
    name = CellName(item.model, item.benchmark, item.subject)
    return CellResult(node, name, "unfinished", Note.of("unfinished"))


def cell_name(item: Identity) -> CellName | None:
    """The cell that an item is about; None for items that ask something else."""
    return CellName(item.model, item.benchmark, item.subject) if item.kind == "cell" else None


def unplayable(report: pytest.TestReport) -> bool:
    """Whether a test has failed by a fault, and not by the answer to its question."""
    return report.failed and any(name == UNPLAYABLE for name, _ in report.user_properties)


def reason(report: pytest.TestReport) -> Note | str:
    """Why a test that failed or was skipped did so, in one line; empty for another."""
    for name, text in reversed(report.user_properties):
        if name == REASON and report.failed:
            return str(text)
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if report.passed:
        return ""
    return report.longreprtext.strip().splitlines()[-1] if report.longreprtext.strip() else Note.of("no_reason")
