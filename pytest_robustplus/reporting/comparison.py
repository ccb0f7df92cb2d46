"""Comparisons in sentences and tables: who is better, by how much, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from pytest_robustplus.reporting.notes import texts
from pytest_robustplus.reporting.text import footnotes, heading
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport, Difference, Discordant, Side
from pytest_robustplus.results.text import count, evalue, percent, quantity

SHOWN_TASKS = 8


def points(tasks: int, total: int) -> str:
    """Write a difference in tasks of the list as points with their sign, such as ``+4.2``."""
    return f"{100 * tasks / total:+.1f}"


def difference(found: Difference, total: int) -> str:
    """Write a difference of rates on the pairs that count, with its interval for the whole list."""
    seen = 100 * (found.first_only - found.second_only) / max(found.pairs, 1)
    return f"{seen:+.1f} [{points(found.lower, total)}, {points(found.upper, total)}]"


def answer(report: ComparisonReport) -> str:
    """Answer in a few words."""
    if report.asked == "best":
        names = report.unbeaten
        return f"{names[0]} beats the others" if len(names) == 1 else f"nobody beats {' or '.join(names)}"
    if report.answer == "undecided":
        return f"undecided after {report.pairs}"
    if report.answer in ("pass", "fail"):
        first, second = report.models
        margin = f"{100 * report.within / report.total:.1f} points"
        claim = {
            "better": f"{first} better than {second}",
            "not_worse": f"{first} at most {margin} worse than {second}",
            "equivalent": f"{first} within {margin} of {second}",
        }[report.asked]
        return f"{claim}: {'yes' if report.answer == 'pass' else 'NO'}"
    if report.answer == "equal":
        return f"equal within {100 * report.within / report.total:.1f} points"
    return f"{report.models[0 if report.answer == 'first' else 1]} is better"


def noise(report: ComparisonReport) -> str:
    """Say whether the difference is more than two runs of one policy would show."""
    found = report.differences[0]
    margin = f"{100 * report.noise / report.total:.1f} points"
    source = "measured" if report.noise_measured else "worst case"
    if report.beyond_noise:
        return f"beyond rerun noise ({margin}, {source})"
    if max(abs(found.lower), abs(found.upper)) <= report.noise:
        return f"within rerun noise ({margin}, {source})"
    return f"not shown to go beyond rerun noise ({margin}, {source})"


def story(report: ComparisonReport, title: str) -> str:
    """Explain a comparison to the person who has to act on it."""
    lines = [
        f"{_figures(report)}{answer(report)}, after {count(report.pairs)} of {count(report.total)} pairs:"
        f" {report.dimension}, {' against '.join(report.models)} on {title}"
    ]
    lines += [f"  {side.model:24s} {_rate(side)}" for side in report.sides]
    for found in report.differences:
        lines.append(
            f"  {found.first} − {found.second}: {difference(found, report.total)} points; only one solves"
            f" {count(found.first_only)} and {count(found.second_only)} of {count(found.pairs)};"
            f" McNemar p {found.p:.2g}"
        )
    if report.asked != "best":
        lines.append(f"  {noise(report)}; e-values {evalue(report.log_first)} and {evalue(report.log_second)}")
    lines.append(f"  {errors(report)}")
    lines += [f"  note      {note}" for note in texts(report.notes)]
    lines += [f"  {line}" for line in tasks(report)]
    return "\n".join(lines)


def _figures(report: ComparisonReport) -> str:
    """The difference of two policies in points, which stands before everything else."""
    return "" if len(report.models) != 2 else f"{difference(report.differences[0], report.total)} points, "


def errors(report: ComparisonReport) -> str:
    """State the error rate that the interval and the answer hold at."""
    share = f", the share of each of {report.family} comparisons" if report.family > 1 else ""
    return (
        "interval and answer hold at every look, wrong on either side with probability at most"
        f" {report.alpha:.2g}{share}; order {report.order_seed[:12]}"
    )


def tasks(report: ComparisonReport) -> Iterator[str]:
    """Name tasks that only one of two solved, with the command that shows it."""
    if report.asked == "best":
        return
    for model in report.models:
        found = [one for one in report.discordant if one.solver == model]
        for one in found[:SHOWN_TASKS]:
            yield f"only {model}  {one.task}{_replays(report, one)}"
        if len(found) > SHOWN_TASKS:
            yield f"only {model}  and {count(len(found) - SHOWN_TASKS)} more"


def _replays(report: ComparisonReport, one: Discordant) -> str:
    known = [f"{episode} ({m})" for m, episode in zip(report.models, one.episodes, strict=False) if episode]
    return f": pytest --robust-replay={' or '.join(known)}" if known else ""


def _rate(side: Side) -> str:
    where = f" ({side.recorded})" if side.recorded else ""
    beaten = f", beaten after {count(side.dropped)}" if side.dropped else ""
    return f"{percent(side.successes / max(side.played, 1))} of {count(side.played)}{beaten}{where}"


def by_group(reports: Iterable[ComparisonReport]) -> dict[tuple[str, tuple[str, ...]], list[ComparisonReport]]:
    """Collect the dimensions of each comparison: what one table shows."""
    found: dict[tuple[str, tuple[str, ...]], list[ComparisonReport]] = {}
    for report in reports:
        found.setdefault((report.benchmark, report.models), []).append(report)
    return found


def table(reports: Sequence[ComparisonReport]) -> Table:
    """Lay out one comparison, a dimension a row; of more than two policies the difference is to the best of them."""
    models = reports[0].models
    # One blank between columns, the box's own: two of six columns would break the answer at 80 characters.
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=0)
    grid.add_column("", overflow="fold")
    for model in models:
        grid.add_column(heading(model), justify="right", overflow="fold")
    if len(models) == 2:
        grid.add_column("difference", justify="right", no_wrap=True)
    grid.add_column("pairs", justify="right", no_wrap=True)
    grid.add_column("answer", overflow="fold")
    for report in reports:
        rates = [_cell(side) for side in report.sides]
        between = [difference(report.differences[0], report.total)] if len(models) == 2 else []
        style = (
            "bold red" if report.answer == "fail" else "green" if report.answer not in ("equal", "undecided") else ""
        )
        pairs = f"{count(report.pairs)}/{count(report.total)}"
        grid.add_row(Text(report.dimension, style="bold"), *rates, *between, pairs, Text(answer(report), style=style))
    return grid


def _cell(side: Side) -> Text:
    text = Text(percent(side.successes / max(side.played, 1)))
    if side.dropped:
        text.append(f"\nbeaten at {count(side.dropped)}", style="dim")
    return text


def remarks(reports: Sequence[ComparisonReport]) -> Iterator[str]:
    """Say under a table what its figures mean and rest on."""
    family, alpha = reports[0].family, reports[0].alpha
    played = sum(side.played for report in reports for side in report.sides if not side.recorded)
    reused = sum(side.reused for report in reports for side in report.sides)
    total = sum(report.total for report in reports for side in report.sides if not side.recorded)
    yield (
        f"Differences in points on the pairs played, with the interval for the whole list; α {alpha:.2g} a side"
        + (f", the share of each of {family} comparisons." if family > 1 else ".")
    )
    if total:
        were = "was" if played == 1 else "were"
        yield f"{count(played)} of {quantity(total, 'episode')} {were} needed, {count(reused)} of them known before."
    if len(reports[0].models) == 2:
        for report in reports:
            found = report.differences[0]
            yield (
                f"{report.dimension}: only {found.first} solved {count(found.first_only)}, only {found.second}"
                f" {count(found.second_only)} (McNemar p {found.p:.2g}); {noise(report)}."
            )
        if apart := [(report, one) for report in reports for one in report.discordant]:
            report, one = apart[0]
            were, them = ("was", "it") if len(apart) == 1 else ("were", "them")
            alone = f"{quantity(len(apart), 'task')} {were} solved by one alone"
            yield f"{alone}; --robust-html and --robust-json list {them}:"
            yield f"  only {one.solver}  {one.task}{_replays(report, one)}"
    notes = [(" against ".join(r.models), r.dimension, note) for r in reports for note in r.notes]
    yield from (f"† {line}" for line in footnotes(notes))


def contrasted(report: ContrastReport) -> str:
    """Say where two policies differ most among the perturbations that were generated."""
    where = f"{' against '.join(report.models)}, generated {report.dimension}"
    if not report.words:
        return f"{where}: no perturbation was found under which only one of them succeeds."
    first, second = report.models
    return (
        f"{where}: {first} {report.first} and {second} {report.second} of {report.played} fresh episodes under"
        f" {report.words}; only {first} {report.first_only}, only {second} {report.second_only} (p {report.p:.2g})."
    )
