"""The rules by which tables sum up their columns; mathematics only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import DIMENSIONS, PERTURBATIONS, Dimension
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.statistics.counts import Z

TotalRule = Literal["weighted", "mean_of_seven", "mean_of_eight", "mean_of_five"]

# A column printed to 0.1 points is off by up to 0.05, so is any mean of columns, and so is the printed Total itself.
ROUNDING = 0.001
_COLUMNS: Mapping[TotalRule, tuple[Dimension, ...]] = {
    "mean_of_eight": DIMENSIONS,
    # LIBERO-PRO's: objects, places, words, goals, environments.
    "mean_of_five": (Dimension.OBJECT, Dimension.LAYOUT, Dimension.LANGUAGE, Dimension.TASK, Dimension.BACKGROUND),
}


@dataclass(frozen=True, slots=True)
class Total:
    """The last column of a row, as printed and as its own columns give it under ``rule``; rates are fractions.

    ``recomputed`` is None while the weights are unknown; then ``agrees`` is what the file says.
    ``reason`` explains a disagreement, ``printed_by`` names the rule that does give the printed number, if any.
    """

    rule: TotalRule
    printed: float
    recomputed: float | None
    agrees: bool
    reason: str = ""
    printed_by: TotalRule | None = None


def total(rule: TotalRule, rates: Mapping[Dimension, float], counts: Mapping[Dimension, int] | None = None) -> float:
    """Sum up a row's ``rates`` (fractions) under ``rule``.

    ``weighted`` pools the seven perturbations by ``counts``, the tasks behind each; ``mean_of_seven`` leaves the
    original out, ``mean_of_eight`` counts it as one more column; ``mean_of_five`` is LIBERO-PRO's. Raises
    ``BadInputError`` when a column is missing.
    """
    summed = columns(rule)
    missing = [d.value for d in summed if d not in rates]
    if missing:
        raise BadInputError(f"A {rule} total needs every column, but {', '.join(missing)} is missing.")
    if rule != "weighted":
        return sum(rates[d] for d in summed) / len(summed)
    if counts is None or any(counts.get(d, 0) < 1 for d in summed):
        raise BadInputError("A weighted total needs the number of tasks behind each of the seven perturbations.")
    return sum(rates[d] * counts[d] for d in summed) / sum(counts[d] for d in summed)


@dataclass(frozen=True, slots=True)
class Summed:
    """A row's Total with a 95 % interval; all None unless every column was measured, and without bias.

    The columns' unbiased means are summed up, not their medians: a sum of numbers that read high reads high.
    """

    rate: float | None = None
    low: float | None = None
    high: float | None = None
    early: bool = False


def summed(rule: TotalRule, row: Mapping[Dimension, CellReport]) -> Summed:
    """Sum up the cells of a row under ``rule``."""
    own = {dimension: row[dimension] for dimension in columns(rule) if dimension in row}
    early = any(report.saved for report in own.values())
    if len(own) < len(columns(rule)) or any(report.estimate is None for report in own.values()):
        return Summed(early=early)
    counts = {dimension: report.listed for dimension, report in own.items()}
    parts = {dimension: report.estimate for dimension, report in own.items() if report.estimate is not None}
    rate = total(rule, {dimension: part.mean for dimension, part in parts.items()}, counts)
    weights = {d: total(rule, {other: float(other is d) for other in parts}, counts) for d in parts}
    deviation = sum((weights[d] * part.deviation) ** 2 for d, part in parts.items()) ** 0.5
    return Summed(rate, max(rate - Z * deviation, 0.0), min(rate + Z * deviation, 1.0), early)


def columns(rule: TotalRule) -> tuple[Dimension, ...]:
    """Name the columns that a rule sums up."""
    return _COLUMNS.get(rule, PERTURBATIONS)


def agree(printed: float, recomputed: float) -> bool:
    """Say whether two totals are the same number but for rounding."""
    return abs(printed - recomputed) <= ROUNDING + 1e-9
