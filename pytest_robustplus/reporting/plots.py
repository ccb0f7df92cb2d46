"""Pictures of a run as SVG, drawn by matplotlib, which the extra ``report`` brings."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_robustplus.ledger import StoredAudit, StoredEpisode
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.statistics.counts import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Names of one case among many, not sizes of a perturbation.
_NO_SEVERITY = frozenset({"variant", "pose", "sample", "seed", "trial"})
_BINS = 8
# Of fewer, Wilson's interval takes up most of the scale, and a line from one such point to the next is noise.
_FEWEST = 5
_COLOURS = {"pass": "#1a7f37", "fail": "#cf222e", "measured": "#9a6700"}
# Not by colour alone.
_MARKS = {"pass": "o", "fail": "X", "measured": "s"}
_BASELINE = "#57606a"
_CURVES = ("#0969da", "#bc4c00", "#1a7f37", "#8250df")
DARK = {
    "#1a7f37": "#3fb950", "#cf222e": "#ff7b72", "#9a6700": "#d29922", "#0969da": "#4493f8", "#bc4c00": "#f0883e",
    "#8250df": "#a371f7", "#57606a": "#9da7b1", "#000000": "#e6edf3", "#b0b0b0": "#3d444d", "#d0d7de": "#3d444d",
    "#ffffff": "#0d1117",
}  # fmt: skip
"""What each colour of a drawing is on a dark page; those of its text and its states are the page's own."""


class Point(NamedTuple):
    """Episodes of one severity, or of one bin of it, ``least`` to ``most``: rate with a Wilson interval, fractions."""

    severity: float
    successes: int
    played: int
    least: float
    most: float

    @property
    def rate(self) -> float:
        return self.successes / self.played

    @property
    def where(self) -> str:
        """The severity, or the first and the last of a bin."""
        return f"{self.least:g}" + (f" to {self.most:g}" if self.most > self.least else "")

    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval: descriptive, it knows nothing of early verdicts."""
        return wilson(self.successes, self.played)


def severities(episodes: Iterable[StoredEpisode]) -> Mapping[tuple[str, str], Sequence[Point]]:
    """Success against each numeric parameter of each sub-dimension, where episodes suffice for two points at least."""
    seen: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for episode in episodes:
        record = episode.record
        sized = {key: value for key, value in record.parameters.items() if _is_size(key, value)}
        # A corruption's own level orders its other parameters, so it alone is shown.
        for key, value in sized.items() if "severity" not in sized else [("severity", sized["severity"])]:
            size = abs(float(value)) if key.endswith("_deg") else float(value)
            seen[record.subdimension, key].append((size, bool(record.success)))
    found = {key: _points(samples, _FEWEST) for key, samples in sorted(seen.items())}
    return {key: points for key, points in found.items() if len(points) > 1}


def levels(episodes: Sequence[StoredEpisode]) -> Sequence[Point]:
    """Success against the level of a graded list; nothing where not every episode's task has one, or all have one."""
    graded = [(e.record.parameters["severity"], bool(e.record.success)) for e in episodes if _is_graded(e)]
    points = _points([(float(level), success) for level, success in graded], 1)
    return points if len(graded) == len(episodes) and len(points) > 1 else ()


def _is_graded(episode: StoredEpisode) -> bool:
    return _is_size("severity", episode.record.parameters.get("severity", ""))


def level_plot(rows: Mapping[str, Mapping[str, Sequence[Point]]], columns: int = 4) -> str:
    """Draw success against the level, a small picture a dimension; ``rows``: dimension → name of a curve → points."""
    lines = math.ceil(len(rows) / columns)
    names = list(dict.fromkeys(name for curves in rows.values() for name in curves))
    with figure(1.7 * columns, 1.55 * lines + 0.25 * (len(names) > 1), grid=(lines, columns)) as drawing:
        places = drawing.axes.flat
        for axes, (dimension, curves) in zip(places, rows.items(), strict=False):
            for name, points in curves.items():
                _errorbars(axes, [p.severity for p in points], points, _CURVES[names.index(name) % len(_CURVES)])
            axes.set_title(dimension, fontsize=8)
            axes.set_xticks(sorted({p.severity for points in curves.values() for p in points}))
            percent_axis(axes)
        for axes in drawing.axes.flat[len(rows) :]:
            axes.set_visible(False)
        for line in drawing.axes:
            for axes in line[1:]:
                axes.set_ylabel("")
        if len(names) > 1:
            drawing.legend(dict(zip(names, _CURVES, strict=False)))
    return drawing.svg


def severity_plot(name: str, points: Sequence[Point]) -> str:
    """Draw success against a severity."""
    with figure(3.3, 2.3) as drawing:
        axes = drawing.axes
        _errorbars(axes, [p.severity for p in points], points, "#0969da")
        for point in points:
            if point.most > point.least:
                axes.plot([point.least, point.most], [100 * point.rate] * 2, color="#0969da", lw=3, alpha=0.25)
            axes.text(point.severity, 2, str(point.played), ha="center", fontsize=7, color=_BASELINE)
        axes.set_xlabel(_unit(name))
        percent_axis(axes)
    return drawing.svg


def profile_plot(cells: Mapping[str, CellReport | None]) -> str:
    """Draw a model's dimensions beside each other, each with its 95 % sequence and its baseline, or with words."""
    with figure(6.4, 2.7) as drawing:
        axes = drawing.axes
        for place, report in enumerate(cells.values()):
            if report is None:
                axes.text(place, 50, "not measured", rotation=90, ha="center", va="center", fontsize=7, color=_BASELINE)
                continue
            colour = _COLOURS[report.outcome]
            middle, low, high = report.shown
            axes.plot([place, place], [100 * low, 100 * high], color=colour, lw=2)
            axes.plot(place, 100 * middle, _MARKS[report.outcome], color=colour, ms=5)
            if report.baseline is not None and report.needed is not None:
                axes.hlines(100 * report.baseline, place - 0.3, place + 0.3, color=_BASELINE, lw=1.5)
                floor = 100 * report.needed
                axes.hlines(floor, place - 0.3, place + 0.3, color=_BASELINE, lw=1, ls=":")
        axes.set_xticks(range(len(cells)), list(cells))
        axes.set_xlim(-0.6, len(cells) - 0.4)
        percent_axis(axes)
    return drawing.svg


def upright_profile_plot(cells: Mapping[str, CellReport | None]) -> str:
    """Draw the same for a screen as narrow as a phone's: dimensions below each other."""
    with figure(3.3, 0.6 + 0.34 * len(cells)) as drawing:
        axes = drawing.axes
        for place, report in enumerate(cells.values()):
            if report is None:
                axes.text(50, place, "not measured", ha="center", va="center", fontsize=7, color=_BASELINE)
                continue
            colour = _COLOURS[report.outcome]
            middle, low, high = report.shown
            axes.plot([100 * low, 100 * high], [place, place], color=colour, lw=2)
            axes.plot(100 * middle, place, _MARKS[report.outcome], color=colour, ms=5)
            if report.baseline is not None and report.needed is not None:
                axes.vlines(100 * report.baseline, place - 0.3, place + 0.3, color=_BASELINE, lw=1.5)
                axes.vlines(100 * report.needed, place - 0.3, place + 0.3, color=_BASELINE, lw=1, ls=":")
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color="#d0d7de", lw=0.5)
        axes.set_yticks(range(len(cells)), list(cells))
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_xlim(0, 103)
        axes.set_xlabel("success, %", fontsize=7)
    return drawing.svg


def history_plot(past: Sequence[StoredAudit]) -> str:
    """Draw a cell through its runs by date, oldest first; a new checkpoint begins at a dotted line."""
    dates = [audit.opened[:10] for audit in past]
    with figure(3.3, 2.3) as drawing:
        axes = drawing.axes
        for place, audit in enumerate(past, start=1):
            ended = audit.conclusion
            if ended is None or not ended.played:
                continue
            colour = _COLOURS.get(ended.outcome, _BASELINE)
            axes.plot([place, place], [100 * ended.low, 100 * ended.high], color=colour, lw=2)
            axes.plot(place, 100 * ended.successes / ended.played, _MARKS.get(ended.outcome, "o"), color=colour, ms=4)
            if ended.baseline is not None:
                axes.hlines(100 * ended.baseline, place - 0.4, place + 0.4, color=_BASELINE, lw=1.2)
        for place, (before, after) in enumerate(pairwise(past), start=1):
            if before.key.checkpoint != after.key.checkpoint:
                axes.axvline(place + 0.5, color=_BASELINE, lw=0.8, ls=":")
        axes.set_xlim(0.4, len(past) + 0.6)
        # Ten characters each: three of them fit side by side.
        shown = range(0, len(past), 1 + (len(past) - 1) // 3)
        axes.set_xticks([place + 1 for place in shown], [dates[place] for place in shown])
        percent_axis(axes)
    return drawing.svg


class figure:  # noqa: N801 - reads as a verb where it is used
    """One small figure; ``svg`` is there once it is closed."""

    def __init__(
        self, width: float, height: float, *, polar: bool = False, grid: tuple[int, int] | None = None
    ) -> None:
        """Make one pair of axes; with a ``grid`` of (lines, columns), ``axes`` is an array of them."""
        from matplotlib.figure import Figure

        self._figure = Figure(figsize=(width, height), layout="constrained")
        lines, columns = grid or (1, 1)
        self.axes: Any = self._figure.subplots(lines, columns, squeeze=grid is None, subplot_kw={"polar": polar})
        self.svg = ""

    def __enter__(self) -> figure:
        for axes in self._figure.axes:
            axes.tick_params(labelsize=8)
            if axes.name != "polar":
                axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#d0d7de", lw=0.5)
        return self

    def legend(self, colours: Mapping[str, str]) -> None:
        """Name the curves above all axes."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=colour, marker="o", ms=4, lw=1, label=name) for name, colour in colours.items()]
        self._figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=8, frameon=False)

    def __exit__(self, *error: object) -> None:
        import matplotlib as mpl

        if error[0] is not None:
            return
        stream = io.StringIO()
        # Text stays text: small, and drawn by the reader's own font.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "robustplus", "font.family": "sans-serif"}):
            self._figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        text = stream.getvalue()
        head, end, drawn = text[text.index("<svg") :].partition(">")
        self.svg = f"{head}{end}\n {_follows()}{drawn}"


def _follows() -> str:
    """The style by which a drawing follows the reader's light or dark; a viewer without it shows the light one."""
    rules = [
        f'[style*="{what}: {light}"] {{ {what}: {dark} !important }}'
        for light, dark in DARK.items()
        for what in ("fill", "stroke")
    ]
    # Text is black by saying nothing.
    rules.append(f"text {{ fill: {DARK['#000000']} }}")
    return f"<style>@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}</style>"


def _errorbars(axes: Axes, places: Sequence[float], points: Sequence[Point], colour: str) -> None:
    """Points with their intervals; those of few episodes hollow, and joined to none."""
    drawn = list(zip(places, points, strict=True))
    for (place, point), (beside, other) in pairwise(drawn):
        if min(point.played, other.played) >= _FEWEST:
            axes.plot([place, beside], [100 * point.rate, 100 * other.rate], color=colour, lw=1)
    for place, point in drawn:
        low, high = point.interval()
        axes.plot([place, place], [100 * low, 100 * high], color=colour, lw=1, alpha=0.6)
        filled = colour if point.played >= _FEWEST else "#ffffff"
        axes.plot(place, 100 * point.rate, "o", color=colour, ms=4, mfc=filled, mew=1)


def percent_axis(axes: Axes) -> None:
    """Let the vertical axis be success in per cent."""
    axes.set_ylim(0, 103)
    axes.set_ylabel("success, %", fontsize=7)
    axes.xaxis.label.set_fontsize(7)


def _is_size(key: str, value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and key not in _NO_SEVERITY


def _points(samples: Sequence[tuple[float, bool]], fewest: int) -> list[Point]:
    """The points of a curve, at most ``_BINS``; one of fewer than ``fewest`` episodes is pooled with a neighbour."""
    values = sorted({size for size, _ in samples})
    groups: dict[float, list[tuple[float, bool]]] = defaultdict(list)
    for size, success in samples:
        # Bins hold equally many values, so that no empty stretch of the scale takes one.
        index = values.index(size) * _BINS // len(values) if len(values) > _BINS else values.index(size)
        groups[index].append((size, success))
    bins = [group for _, group in sorted(groups.items())]
    while len(bins) > 1 and len(least := min(bins, key=len)) < fewest:
        place = bins.index(least)
        beside = min((other for other in (place - 1, place + 1) if 0 <= other < len(bins)), key=lambda o: len(bins[o]))
        first = min(place, beside)
        bins[first : first + 2] = [bins[first] + bins[first + 1]]
    return [_point(group) for group in bins]


def _point(group: Sequence[tuple[float, bool]]) -> Point:
    sizes = [size for size, _ in group]
    return Point(sum(sizes) / len(sizes), sum(success for _, success in group), len(group), min(sizes), max(sizes))


def _unit(name: str) -> str:
    words, _, unit = name.rpartition("_")
    spelled = {"deg": "°", "rad": "rad", "px": "px", "m": "m"}.get(unit)
    return f"{words.replace('_', ' ')}, {spelled}" if spelled and words else name.replace("_", " ")
