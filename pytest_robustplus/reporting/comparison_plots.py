"""Differences of success rates as a picture: intervals, not ranks."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_robustplus.reporting.plots import figure
from pytest_robustplus.results.comparison import ComparisonReport

_KNOWN, _OPEN, _LINE = "#0969da", "#57606a", "#d0d7de"


def intervals(reports: Sequence[ComparisonReport], width: float = 6.0) -> str:
    """Draw one line a difference; of several policies, those to the first that nobody beats. ``width`` in inches."""
    lines = []
    for report in reports:
        best = report.unbeaten[0] if report.unbeaten else report.models[0]
        for found in report.differences:
            if len(report.models) > 2 and best not in (found.first, found.second):
                continue
            scale, turned = 100 / report.total, len(report.models) > 2 and found.first != best
            low, high = found.lower * scale, found.upper * scale
            seen = 100 * (found.first_only - found.second_only) / max(found.pairs, 1)
            if turned:
                low, high, seen = -high, -low, -seen
            names = (found.second, found.first) if turned else (found.first, found.second)
            label = report.dimension if len(report.models) == 2 else f"{report.dimension}: {names[0]} − {names[1]}"
            lines.append((label, low, seen, high))
    with figure(width, 0.7 + 0.3 * len(lines)) as drawing:
        axes = drawing.axes
        axes.axvline(0, color=_LINE, lw=1.2)
        for place, (_, low, seen, high) in enumerate(lines):
            colour = _OPEN if low <= 0 <= high else _KNOWN
            axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
            axes.plot([min(max(seen, low), high)], [place], "o", color=colour, ms=5)
        axes.set_yticks(range(len(lines)), [line[0] for line in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel("points", fontsize=8)
    return drawing.svg
