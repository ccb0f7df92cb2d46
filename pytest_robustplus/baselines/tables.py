"""Reads published tables: ``[[table]]`` and ``[[latency]]`` of a baseline file (docs/reference/baselines.md)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from pytest_robustplus.baselines.baseline import Baseline, Dispute, PromptSource, PublishedLatency, Row
from pytest_robustplus.baselines.listed import Counts
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies import schema
from pytest_robustplus.results.totals import TotalRule

Across = Literal["dimension", "suite", "model"]


@dataclass(frozen=True, slots=True)
class _Printed:
    """A row with what it inherits from its table; rates in percent as printed."""

    benchmark: str
    paper: str
    label: str
    prompt_source: PromptSource
    protocol: str
    percent: tuple[float, ...]
    model: str = ""
    name: str = ""
    suite: str = ""
    dimension: str = ""
    table: str = ""
    variant: str = ""
    read: Literal["first-hand", "transcribed", "unstated"] = "unstated"
    default: bool = False
    elsewhere: bool = False
    trials_per_task: int = 0
    tasks: int = 0
    step_limit: int = 0
    total: float = math.nan
    total_rule: TotalRule = "weighted"
    total_agrees: bool = True
    total_reason: str = ""
    total_printed_by: Literal["", "weighted", "mean_of_seven", "mean_of_eight", "mean_of_five"] = ""
    note: str = ""
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class _Disputed:
    column: str
    percent: tuple[float, ...]
    source: str
    note: str = ""
    row: str = ""
    suite: str = ""


@dataclass(frozen=True, slots=True)
class _Timed:
    model: str
    name: str
    paper: str
    table: str
    label: str
    protocol: str
    relative_to: str
    milliseconds: float
    ratio: float
    chunk: int = 0
    state_steps: int = 0
    action_steps: int = 0
    same_device: bool = True
    note: str = ""


def read_table(table: Mapping[str, Any], where: str, counts: Mapping[str, Counts], rank: int) -> Iterator[Row]:
    """Read one ``[[table]]``; raises ``BadInputError`` naming ``where``, the row and the key."""
    own = {"across", "columns", "row", "disputed"}
    printed = _inherit(table, own, _Printed, where)
    across = str(table.get("across", ""))
    columns = table.get("columns")
    if across not in get_args(Across):
        raise unknown("value", across, get_args(Across), where=f"{where}: across")
    if not (isinstance(columns, list) and columns and all(isinstance(c, str) for c in columns)):
        raise BadInputError(f"{where}: columns must be a list of names, not {columns!r}.")
    if across == "dimension":
        for column in columns:
            _dimension(column, f"{where}: columns")
    disputes = _disputes(table.get("disputed", []), printed, columns, where)
    for number, row in enumerate(printed, start=1):
        own_disputes = {column: dispute for (of, column), dispute in disputes.items() if of == number}
        yield from _rows(row, across, columns, own_disputes, f"{where}, row {number}", counts, rank)


def read_latency(table: Mapping[str, Any], where: str) -> Iterator[PublishedLatency]:
    """Read one ``[[latency]]`` table."""
    for row in _inherit(table, {"row"}, _Timed, where):
        values = {f.name: getattr(row, f.name) for f in fields(row) if f.name not in ("paper", "table")}
        yield PublishedLatency(**values, source=f"{row.paper}, {row.table}")


def _inherit(table: Mapping[str, Any], own: set[str], kind: type[Any], where: str) -> list[Any]:
    known = {f.name for f in fields(kind)} | own
    for name in table:
        if name not in known:
            raise unknown("key", name, known, where=where)
    rows = table.get("row")
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise BadInputError(f"{where}: row must be a list of tables, not {rows!r}.")
    shared = {name: value for name, value in table.items() if name not in own}
    return [schema.read(kind, shared | row, f"{where}, row {i}") for i, row in enumerate(rows, start=1)]


def _disputes(
    entries: Any, rows: Sequence[_Printed], columns: Sequence[str], where: str
) -> Mapping[tuple[int, str], Dispute]:
    """Map (number of the row, column) to what a second source says."""
    found: dict[tuple[int, str], Dispute] = {}
    for number, entry in enumerate(entries, start=1):
        place = f"{where}, disputed {number}"
        dispute = schema.read(_Disputed, entry, place)
        if dispute.column not in (*columns, "total"):
            raise unknown("column", dispute.column, (*columns, "total"), where=place)
        meant = [i for i, row in enumerate(rows, 1) if (row.name, row.suite) == (dispute.row, dispute.suite)]
        if len(meant) != 1:
            raise BadInputError(
                f"{place}: {len(meant)} rows are called {dispute.row!r} with suite {dispute.suite!r}; it must be one."
                f" Rows: {', '.join(sorted({row.name for row in rows}))}."
            )
        rates = tuple(_fraction(p, place) for p in dispute.percent)
        found[meant[0], dispute.column] = Dispute(rates, dispute.source, dispute.note)
    return found


def _rows(
    row: _Printed,
    across: str,
    columns: Sequence[str],
    disputes: Mapping[str, Dispute],
    where: str,
    counts: Mapping[str, Counts],
    rank: int,
) -> Iterator[Row]:
    if len(row.percent) != len(columns):
        raise BadInputError(f"{where}: percent has {len(row.percent)} numbers for {len(columns)} columns.")
    label = f"{row.label}-{row.variant}" if row.variant else row.label
    source = f"{row.paper}, {row.table}" if row.table else row.paper
    cells = []
    for column, percent in zip(columns, row.percent, strict=True):
        place = {"model": row.model, "suite": row.suite, "dimension": row.dimension, across: column}
        if not place["model"]:
            raise BadInputError(f"{where}: the key 'model' is missing; it must be a string.")
        suite, dimension = place["suite"] or None, _dimension(place["dimension"], where)
        tasks = row.tasks or counts.get(row.benchmark, {}).get((suite, dimension), 0)
        cells.append(
            Baseline(
                model=place["model"],
                benchmark=row.benchmark,
                dimension=dimension,
                rate=_fraction(percent, where),
                n=tasks * row.trials_per_task or None,
                source=source,
                prompt_source=row.prompt_source,
                protocol=row.protocol,
                label=label,
                disputed=disputes.get(column),
                suite=suite,
                versions=row.versions,
            )
        )
    for group in [cells] if across == "dimension" else [[cell] for cell in cells]:
        yield Row(
            model=group[0].model,
            name=row.name or group[0].model,
            benchmark=row.benchmark,
            suite=group[0].suite,
            label=label,
            source=source,
            cells=MappingProxyType({cell.dimension: cell for cell in group}),
            default=row.default,
            elsewhere=row.elsewhere,
            rank=rank,
            origin=where,
            read=row.read,
            total=None if math.isnan(row.total) else _fraction(row.total, where),
            total_rule=row.total_rule,
            total_agrees=row.total_agrees,
            total_reason="" if row.total_agrees else row.total_reason,
            total_printed_by=row.total_printed_by or None,
            total_disputed=disputes.get("total"),
            step_limit=row.step_limit,
            note=row.note,
        )


def _dimension(name: str, where: str) -> Dimension:
    try:
        return Dimension(name)
    except ValueError:
        raise unknown("dimension", name, [d.value for d in Dimension], where=where) from None


def _fraction(percent: float, where: str) -> float:
    if not 0 <= percent <= 100:
        raise BadInputError(f"{where}: {percent} is not a percentage between 0 and 100.")
    return round(percent / 100, 6)  # 94.2 / 100 is 0.9420000000000001
