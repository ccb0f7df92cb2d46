"""What a cell of a run ended with: a decided one with its figures, another with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import pytest

from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.notes import Note

State = Literal["pass", "fail", "measured", "error", "skipped", "unfinished"]
# The properties of a test that has failed by a fault: what kind, and the paragraph without its traceback.
UNPLAYABLE = "unplayable"
REASON = "reason"
TRACEBACK = "traceback"


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
