"""Playing a decided cell again with a modality taken away, on the same tasks in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.audit import Audit
from pytest_robustplus.evaluation.population import Population
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.results.cell import AblationResult, CellReport
from pytest_robustplus.results.notes import Note
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.statistics.paired import Pairs


def with_ablations(
    resources: Resources, cell: TableCell, baselines: Sequence[Baseline], report: CellReport
) -> CellReport:
    """Add what each ablation that was asked for did on the episodes that the cell's verdict rests on.

    An ablation that cannot be played leaves a note: it must not take the cell's own verdict away.
    """
    found: list[AblationResult] = []
    notes = list(report.notes)
    for modality in resources.session.settings.ablations:
        try:
            found.append(_played(resources, cell, modality, baselines, report))
        except RobustnessError as error:
            notes.append(Note.of("ablation_unplayed", modality=modality, error=str(error)))
    return replace(report, ablations=tuple(found), notes=tuple(notes))


def _played(
    resources: Resources,
    cell: TableCell,
    modality: str,
    baselines: Sequence[Baseline],
    report: CellReport,
) -> AblationResult:
    figures = ablation_audit(resources, cell, modality, baselines, report.played).decide()
    pairs = Pairs.of(
        resources.session.ledger.prefix(report.audit)[: report.played],
        resources.session.ledger.prefix(figures.audit)[: report.played],
    )
    return AblationResult(modality, figures.successes, figures.played, tuple(pairs), pairs.mcnemar_p, figures.audit)


def ablation_audit(
    resources: Resources, cell: TableCell, modality: str, baselines: Sequence[Baseline], played: int
) -> Audit:
    """The audit of a cell without a modality, on the first ``played`` tasks of the cell's own order."""
    own = resources.checkpoints.of(cell).fingerprint
    budget = resources.session.settings.budget
    population = Population.of(cell, own, baselines, budget and budget.of(cell.dimension))
    same = replace(population, tasks=population.tasks[:played])
    return Audit(resources, resources.checkpoints.ablated(cell, modality), (), population=same)
