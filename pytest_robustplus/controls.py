"""Playing a decided cell again with a sense taken away, on the same tasks in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from pytest_robustplus.audit import Audit
from pytest_robustplus.baselines import Baseline
from pytest_robustplus.cells import Cell
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.population import Population
from pytest_robustplus.report.cell import CellReport, ControlReport
from pytest_robustplus.report.progress import Progress, Silent
from pytest_robustplus.session import Session
from pytest_robustplus.verdict.paired import Pairs


def with_controls(
    session: Session, cell: Cell, baselines: Sequence[Baseline], progress: Progress, report: CellReport
) -> CellReport:
    """Add what each arm that was asked for did on the episodes that the cell's verdict rests on.

    An arm that cannot be played leaves a note: it must not take the cell's own verdict away.
    """
    found: list[ControlReport] = []
    notes = list(report.notes)
    for arm in session.settings.controls:
        try:
            found.append(_played(session, cell, arm, baselines, progress, report))
        except RobustnessError as error:
            notes.append(f"the {arm} arm was not played: {error}")
    return replace(report, controls=tuple(found), notes=tuple(notes))


def _played(
    session: Session, cell: Cell, arm: str, baselines: Sequence[Baseline], progress: Progress, report: CellReport
) -> ControlReport:
    figures = _audit(session, cell, arm, baselines, progress, report.played).decide()
    pairs = Pairs.of(
        session.ledger.prefix(report.audit)[: report.played], session.ledger.prefix(figures.audit)[: report.played]
    )
    return ControlReport(arm, figures.successes, figures.played, tuple(pairs), pairs.mcnemar_p, figures.audit)


def help_with_controls(session: Session, cell: Cell, baselines: Sequence[Baseline], played: int) -> None:
    """Play what is free of each arm, beside the worker that reports the cell; that one also says what went wrong."""
    for arm in session.settings.controls:
        with suppress(RobustnessError):
            _audit(session, cell, arm, baselines, Silent(), played).help()


def _audit(
    session: Session, cell: Cell, arm: str, baselines: Sequence[Baseline], progress: Progress, played: int
) -> Audit:
    own = session.checkpoint(cell).fingerprint
    population = Population.of(cell, own, baselines, session.settings.budget)
    same = replace(population, tasks=population.tasks[:played])
    return Audit(session, session.control(cell, arm), (), progress, population=same)
