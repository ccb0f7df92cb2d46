"""A run as one self-contained page: no network, works from ``file://``, on a phone and by keyboard.

What is shown is gathered here; how it looks stands in ``templates/``, where everything is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.ledger import Run, StoredEpisode
from pytest_robustplus.reporting import claims, comparison, fuzzing, latency, notes, text
from pytest_robustplus.reporting.json import CellStory, Solved, totals
from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.results import text as figures
from pytest_robustplus.results.comparison import ComparisonReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FrontierReport

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_KEPT = 30  # verdicts that a history shows
WORDS = {
    "pass": "pass", "fail": "FAIL", "measured": "measured", "error": "ERROR", "skipped": "not measured",
    "unfinished": "not measured", "undecided": "undecided",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing as SVG, and what it says in words; the filters go by ``story`` or ``model``.

    ``upright`` is the same drawing for a narrow screen, where ``svg`` is too wide for one.
    """

    svg: str
    caption: str
    said: str
    story: CellStory | None = None
    model: str = ""
    kind: str = ""
    upright: str = ""


def page(
    told: Sequence[CellStory],
    benchmarks: Mapping[str, Benchmark],
    run: Run | None,
    found: Findings,
    videos: Mapping[int, bytes] | None = None,
) -> str:
    """Build the page; ``told`` are the cells that were found, ``videos`` holds MP4 files by episode."""
    videos = videos or {}
    names = [story.result.name.benchmark for story in told]
    names += [one.benchmark for one in found.about]
    titles = dict.fromkeys(benchmarks[name].title for name in names)
    reports = [story.result.figures for story in told if story.result.figures is not None]
    style, script = ((_HERE / "static" / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return _environment().get_template("page.html").render(
        title=": ".join(["Robustness", *([", ".join(titles)] if titles else [])]),
        style=style, script=script, run=run, told=told, reports=reports, videos=videos,
        latencies=found.latencies, unanswered=found.unanswered, contrasts=found.contrasts, claimed=found.claims,
        headline=text.in_words([story.result for story in told], benchmarks),
        counts=_counts(told), filters=_filters(told),
        sources=list(dict.fromkeys(report.source for report in reports if report.baseline is not None)),
        modalities=list(dict.fromkeys(ablation.modality for report in reports for ablation in report.ablations)),
        totals=list(_totals(told, benchmarks)), compared=list(_compared(found.comparisons, benchmarks, videos)),
        frontiers=found.frontiers, frontier_figures=_frontier_figures(found.frontiers), falsified=found.searches,
        plots=_plots(told),
        changed=[(s, gate) for s in told if s.result.figures for gate in s.result.figures.gates if gate.pairs],
        seen_from={name: " and ".join(benchmarks[name].profile.cameras) for name in names},
        filmed=[(s, own) for s in told if (own := [e for e in _failed(s) if e.id in videos])],
        solved=Solved(told),
        failures=[(story, failed) for story in told if (failed := _failed(story))],
        times=list(_times(told)),
    )  # fmt: skip


def _environment() -> Environment:
    # No run without a page needs it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(
        base64=lambda value: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode(),
        file=lambda path: Path(path).read_bytes(),
        unbroken=lambda said: said.replace(" %", "\N{NO-BREAK SPACE}%"),
        tell=lambda word, before: before + word,
    )
    made.globals.update(
        text=text, figures=figures, latency=latency, claims=claims,
        comparison=comparison, fuzzing=fuzzing, notes=notes, words=WORDS,
        differences=_differences, zip=zip,
    )  # fmt: skip
    return made


def _counts(told: Sequence[CellStory]) -> str:
    states = [WORDS[story.result.state] for story in told]
    counts = [f"{states.count(word)} {word}" for word in dict.fromkeys(WORDS.values()) if word in states]
    if above := sum(bool(story.result.figures and story.result.figures.above) for story in told):
        counts.insert(1, f"{above} of them above")
    return ", ".join(counts)


def _filters(told: Sequence[CellStory]) -> list[tuple[str, list[tuple[str, str]]]]:
    names = [story.result.name for story in told]
    return [
        ("model", list(dict.fromkeys((name.model, name.model) for name in names))),
        ("dimension", list(dict.fromkeys((name.dimension, name.dimension) for name in names))),
        ("verdict", list(dict.fromkeys((story.result.state, WORDS[story.result.state]) for story in told))),
    ]


def _totals(told: Sequence[CellStory], benchmarks: Mapping[str, Benchmark]) -> Iterator[tuple[str, str, str]]:
    """The model, what is summed, and the Total in words."""
    for found in totals([story.result for story in told], benchmarks):
        what = f"{found.model} on {benchmarks[found.benchmark].title} ({found.rule.replace('_', ' ')})"
        if found.rate is None and found.measured == found.columns:
            said = "not known: pairs ended some of its cells early"
        elif found.rate is None:
            said = f"not measured: {found.measured} of the rule's {found.columns} dimensions were"
        else:
            value = text.summed(found.low, found.rate, found.high, early=found.early)
            listed = figures.quantity(found.listed, "listed task")
            said = f"{value} over {figures.quantity(found.played, 'episode')} of {listed}"
        yield found.model, what, said


def _compared(
    reports: Sequence[ComparisonReport], benchmarks: Mapping[str, Benchmark], videos: Mapping[int, bytes]
) -> Iterator[dict[str, Any]]:
    """One section a group of policies."""
    for (benchmark, models), group in comparison.by_group(reports).items():
        tasks = [one for report in group for one in report.discordant]
        yield {
            "models": list(models),
            "title": benchmarks[benchmark].title,
            "reports": group,
            "picture": _intervals(group),
            "discordant": len(tasks),
            "filmed": any(episode in videos for one in tasks for episode in one.episodes),
            "notes": list(
                dict.fromkeys(f"{report.dimension}: {note}" for report in group for note in texts(report.notes))
            ),
        }


def _differences(report: ComparisonReport) -> list[str]:
    several = len(report.models) > 2
    return [
        (f"{found.first} − {found.second}: " if several else "") + comparison.difference(found, report.total)
        for found in report.differences
    ]


def _intervals(group: Sequence[ComparisonReport]) -> Figure | None:
    said = "; ".join(f"{report.dimension} {', '.join(_differences(report))}" for report in group)
    try:
        from pytest_robustplus.reporting.comparison_plots import intervals
    except ImportError:
        return None
    caption = "Difference of success rates, with intervals that hold at every look"
    # Names of two policies beside a dimension's leave a phone's screen no room to draw in.
    upright = intervals(group, width=3.3) if len(group[0].models) == 2 else ""
    return Figure(intervals(group), caption, said, kind="wide", upright=upright)


def _frontier_figures(frontiers: Sequence[FrontierReport]) -> list[Figure] | None:
    try:
        import matplotlib  # noqa: F401

        from pytest_robustplus.reporting import frontier_plots
    except ImportError:
        return None
    drawn = []
    for model in dict.fromkeys(report.model for report in frontiers):
        own = [report for report in frontiers if report.model == model]
        least = frontier_plots.nearest(own)
        if len(least) > 2:
            said = "; ".join(f"{dimension} {severity:.2f}" for dimension, severity in least.items())
            caption = f"{model}: nearest frontier of each dimension"
            drawn.append(Figure(frontier_plots.radar(least), caption, said))
        for report in own:
            said = "; ".join(f"{value:g}: {s} of {n}" for value, s, n in report.points)
            drawn.append(Figure(frontier_plots.axis_plot(report), f"{model}, {report.axis}", said))
    return drawn


def _plots(told: Sequence[CellStory]) -> dict[str, list[Figure]] | None:
    try:
        import matplotlib  # noqa: F401

        from pytest_robustplus.reporting import plots
    except ImportError:
        return None
    decided = [story for story in told if story.result.figures is not None]
    keys = dict.fromkeys(s.result.name[:2] for s in decided)
    return {
        "levels": [drawn for key in keys for drawn in _levels(plots, key, decided)],
        "profiles": [_profile(plots, key, told) for key in keys],
        "severities": [drawn for story in decided for drawn in _severities(plots, story)],
        "histories": [_history(plots, story) for story in decided if story.history],
    }


def _levels(plots: ModuleType, key: tuple[str, ...], decided: Sequence[CellStory]) -> Iterator[Figure]:
    """A model's curves over the levels, where the benchmark's list is graded."""
    own = [story for story in decided if story.result.name[:2] == key]
    curves = {story.result.name.dimension: plots.levels(story.episodes) for story in own}
    graded = {dimension: {key[0]: points} for dimension, points in curves.items() if points}
    if graded and len(graded) == len([dimension for dimension in curves if dimension != "original"]):
        said = "; ".join(
            f"{dimension} " + ", ".join(f"{p.severity:g}: {p.successes} of {p.played}" for p in points)
            for dimension, points in curves.items()
            if points
        )
        caption = f"{key[0]} on {key[1]}"
        yield Figure(plots.level_plot(graded), caption, said, None, key[0], "wide", plots.level_plot(graded, columns=2))


def _profile(plots: ModuleType, key: tuple[str, ...], told: Sequence[CellStory]) -> Figure:
    """A model's cells over the dimensions."""
    cells = {s.result.name.dimension: s.result.figures for s in told if s.result.name[:2] == key}
    said = "; ".join(
        f"{dimension} {text.rate(r)} {figures.interval(*r.shown[1:])}" if r else f"{dimension} not measured"
        for dimension, r in cells.items()
    )
    caption, upright = f"{key[0]} on {key[1]}", plots.upright_profile_plot(cells)
    return Figure(plots.profile_plot(cells), caption, said, model=key[0], kind="wide", upright=upright)


def _severities(plots: ModuleType, story: CellStory) -> Iterator[Figure]:
    name = story.result.name
    for (part, parameter), points in plots.severities(story.episodes).items():
        said = "; ".join(f"{p.where}: {p.successes} of {p.played}" for p in points)
        caption = f"{name.model}, {name.dimension}: {part or 'all'}, {parameter.replace('_', ' ')}"
        yield Figure(plots.severity_plot(parameter, points), caption, said, story)


def _history(plots: ModuleType, story: CellStory) -> Figure:
    ends = [(audit, audit.conclusion) for audit in story.history[-_KEPT:]]
    said = "; ".join(
        f"{audit.opened[:10]} {end.outcome} {figures.percent(end.successes / end.played)} of {end.played}"
        for audit, end in ends
        if end is not None and end.played
    )
    name = story.result.name
    return Figure(plots.history_plot(story.history[-_KEPT:]), f"{name.model}, {name.dimension}", said, story)


def _failed(story: CellStory) -> list[StoredEpisode]:
    return [episode for episode in story.episodes if not episode.record.success]


def _times(told: Iterable[CellStory]) -> Iterator[tuple[CellStory, list[str]]]:
    for story in (story for story in told if story.episodes):
        records = [episode.record for episode in story.episodes]
        calls, n = sum(r.inferences for r in records), len(records)
        policy, simulator = sum(r.policy_s for r in records), sum(r.simulator_s for r in records)
        per_call = f"{1000 * policy / calls:.2f}" if calls else "–"
        seconds = (sum(r.wall_s for r in records), policy, simulator)
        yield story, [str(story.result.name), per_call, *(f"{total / n:.3f}" for total in seconds)]
