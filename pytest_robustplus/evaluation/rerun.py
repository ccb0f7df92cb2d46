"""The same checkpoint twice: how far two of its runs differ, which is the noise that a margin has to leave room for."""

from __future__ import annotations

from dataclasses import replace

from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.comparison import Contest
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.results.cell import CellReport, RepeatReport
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.statistics.discordance import FEWEST, rerun_margin
from pytest_robustplus.statistics.evalues import Plan


def with_repeat(resources: Resources, cell: TableCell, report: CellReport) -> CellReport:
    """Add on how many of the first tasks a second run differs; one that cannot be played leaves a note."""
    if resources.session.settings.repeat is None:
        return report
    try:
        found = repeat(resources, cell).decide()
    except RobustnessError as error:
        return replace(report, notes=(*report.notes, Note.of("repeat_unplayed", error=str(error))))
    counted = found.differences[0]
    discordant = counted.first_only + counted.second_only
    if found.pairs < FEWEST:
        short = Note.of("repeat_short", tasks=found.pairs, discordant=discordant)
        return replace(report, notes=(*report.notes, short))
    low, high = Plan(report.playable, 0, 0).interval(found.pairs, discordant)
    margin = rerun_margin(discordant, found.pairs, report.total)
    return replace(report, repeat=(RepeatReport(found.pairs, discordant, low, high, margin),))


def repeat(resources: Resources, cell: TableCell) -> Contest:
    """The comparison of a cell's checkpoint with itself."""
    repeats = resources.session.settings.repeat
    return Contest(resources, [cell, resources.checkpoints.again(cell)], "rerun", 0.0, budget=repeats)
