"""The table at the end of a run."""

import io
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_robustplus.perturbations import PERTURBATIONS
from pytest_robustplus.reporting.terminal import summarize
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.run import CellName, CellResult


class Terminal:
    """What the summary asks of pytest's terminal reporter, 80 columns wide."""

    hasmarkup = False
    _tw = SimpleNamespace(fullwidth=80, _file=None)

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.stats: dict[str, list[object]] = {}

    def section(self, title: str, sep: str) -> None:
        self.write_line(title)

    def write_line(self, line: str) -> None:
        print(line, file=self.text)


@pytest.mark.parametrize("count", [6, 7])
def test_no_cell_of_a_full_table_is_folded_at_eighty_columns(count: int) -> None:
    counts = {"successes": 40, "played": 40, "total": 50, "playable": 50, "listed": 50}
    figures: dict[str, Any] = {**counts, "low": 0.9, "high": 1.0}
    reports = [
        CellReport(
            model="reference",
            benchmark="toy",
            dimension=str(d),
            outcome="measured",
            seconds=1.0,
            baseline=0.9,
            needed=0.9,
            margin_raised=True,
            **figures,
        )
        for d in PERTURBATIONS[:count]
    ]
    toy: Any = SimpleNamespace(title="Toy", dimensions=PERTURBATIONS, total_rule="mean_of_seven")
    found = Findings(
        tuple(CellResult("", CellName(r.model, r.benchmark, r.dimension), "measured", "", r) for r in reports)
    )
    terminal: Any = Terminal()
    summarize(terminal, found, lambda: {"toy": toy})
    lines = terminal.text.getvalue().splitlines()
    assert [sum(line.count(word) for line in lines) for word in ("MEASURED", "≥90.0 %*", "40/50")] == [count] * 3
    assert max(map(len, lines[:6])) <= 80
