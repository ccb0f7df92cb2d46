"""The table at the end of a run: models down, perturbations across, and what its figures rest on."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.perturbations import PERTURBATIONS, Dimension
from pytest_robustplus.policies.recorded import retold
from pytest_robustplus.reporting import claims, comparison, fuzzing
from pytest_robustplus.reporting.charset import aligned
from pytest_robustplus.reporting.latency import sentences
from pytest_robustplus.reporting.notes import text as worded
from pytest_robustplus.reporting.replaying import complete
from pytest_robustplus.reporting.text import (
    ablations,
    assumptions,
    credited,
    failures,
    footnotes,
    heading,
    legend,
    rate,
    repeats,
    threshold,
)
from pytest_robustplus.results.cell import CellReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import LatencyReport, measured
from pytest_robustplus.results.run import cell_name, reason
from pytest_robustplus.results.text import count, percent, quantity
from pytest_robustplus.results.totals import columns, summed

_HEADING = {Dimension.BACKGROUND: "backgr."}
_STYLE = {"pass": "green", "fail": "bold red", "measured": "yellow", "undecided": "yellow"}


def summarize(
    terminal: pytest.TerminalReporter, found: Findings, benchmarks: Callable[[], Mapping[str, Benchmark]]
) -> None:
    """Write one table per benchmark that was played, each with its notes, what fuzzing found out, and the latencies.

    A green run that played no cell at all says why.
    """
    reported = (test for tests in terminal.stats.values() for test in tests if isinstance(test, pytest.TestReport))
    # What pytest-rerunfailures runs again, another report says.
    tests = [test for test in reported if test.when == "call" and test.outcome in ("passed", "failed", "skipped")]
    reports = [cell.figures for cell in found.cells if cell.figures is not None]
    for name in sorted({report.benchmark for report in reports}):
        benchmark = benchmarks()[name]
        own = [report for report in reports if report.benchmark == name]
        terminal.section(f"robustness: {benchmark.title}", sep="-")
        terminal.write_line(_rendered(_table(own, benchmark), terminal))
        for line in _footnotes(own, benchmark):
            terminal.write_line(line)
    for (name, models), group in comparison.by_group(found.comparisons).items():
        terminal.section(f"{' against '.join(models)}: {benchmarks()[name].title}", sep="-")
        terminal.write_line(_rendered(comparison.table(group), terminal))
        for line in comparison.remarks(group):
            terminal.write_line(complete(line, terminal.config))
    if not reports and not found.comparisons and not found.contrasts and not any(test.failed for test in tests):
        for line in _unplayed(tests):
            terminal.write_line(line)
    for contrast in found.contrasts:
        terminal.write_line(comparison.contrasted(contrast))
    if found.claims:
        terminal.section("claims", sep="-")
        for line in claims.summary(found.claims):
            terminal.write_line(line)
    if found.probes:
        terminal.section("fuzzing", sep="-")
        for probe in found.probes:
            terminal.write_line(fuzzing.line(probe), red=probe.outcome == "fail")
    if timed := measured(found.latencies):
        terminal.section("latency", sep="-")
        terminal.write_line(_rendered(_latencies(timed), terminal))
        for latency in timed:
            for line in sentences(latency):
                terminal.write_line(f"{latency.model}, {latency.benchmark}: {line}.")


def _unplayed(tests: Iterable[pytest.TestReport]) -> Iterable[str]:
    skipped = ((test, Identity.read(test.user_properties)) for test in tests if test.skipped)
    cells = [test for test, item in skipped if item is not None and cell_name(item) is not None]
    for why, times in Counter(worded(reason(test)) for test in cells).items():
        yield f"{times} {'cell was' if times == 1 else 'cells were'} not played: {why.removeprefix('not played: ')}"


def _latencies(reports: Sequence[LatencyReport]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
    table.add_column("", overflow="fold")
    for head in ("median ms", "p95", "server", "kB out/in", "control Hz", "real time"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict")
    for report in reports:
        table.add_row(
            Text(report.model, style="bold"),
            f"{report.p50_ms:.1f}",
            f"{report.p95_ms:.1f}",
            "–" if report.server_ms is None else f"{report.server_ms:.1f}",
            f"{report.sent / 1000:.0f}/{report.received / 1000:.1f}" if report.sent else "–",
            f"{report.control_hz:,.0f} of {report.needed_hz:g}",
            Text("yes") if report.real_time else Text("NO", style="bold red"),
            Text(report.outcome.upper(), style=_STYLE[report.outcome]),
        )
    return table


def _table(reports: Sequence[CellReport], benchmark: Benchmark) -> Table:
    dimensions = [d for d in benchmark.dimensions if any(report.dimension == d for report in reports)]
    # Nine columns have to fit into 80 characters, eight a cell ("MEASURED" and "≥64.6 %*" among them): all seven
    # dimensions leave one for a gap, six leave two.
    gap = int(len(dimensions) < len(PERTURBATIONS))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap, 0, 0), collapse_padding=True)
    table.add_column("", overflow="fold")
    for dimension in dimensions:
        table.add_column(_HEADING.get(dimension, str(dimension)), justify="right", overflow="fold")
    table.add_column("Total", justify="right", overflow="fold")
    for model in dict.fromkeys(report.model for report in reports):
        row = {report.dimension: report for report in reports if report.model == model}
        cells = [_cell(row[d]) if d in row else Text("–", style="dim") for d in dimensions]
        table.add_row(Text(heading(model, 11), style="bold"), *cells, _total(row, benchmark), end_section=True)
    return table


def _cell(report: CellReport) -> Text:
    text = Text(f"{rate(report)}{'†' if report.notes or assumptions(report) else ''}\n")
    if report.needed is not None:
        text.append(f"{threshold(report)}{'*' if report.margin_raised else ' '}\n", style="dim")
    word: str = report.outcome
    if report.outcome == "pass" and (report.drifts or report.above):
        word = "drifts" if report.drifts else "above"
    text.append(f"{word.upper()}\n", style=_STYLE[report.outcome])
    text.append(f"{count(report.played)}/{count(report.total)}", style="dim")
    return text


def _total(row: Mapping[str, CellReport], benchmark: Benchmark) -> Text:
    needed = columns(benchmark.total_rule)
    measured = [dimension for dimension in needed if str(dimension) in row]
    if not measured:
        return Text("–", style="dim")
    if len(measured) < len(needed):
        return Text(f"–\n{len(measured)} of {len(needed)}", style="dim")
    result = summed(benchmark.total_rule, {Dimension(name): report for name, report in row.items()})
    if result.rate is None or result.low is None or result.high is None:
        return Text("–\nearly", style="dim")
    text = Text(f"{'~' if result.early else ''}{percent(result.rate)}", style="bold")
    if result.low < result.high:
        text.append(f"\n{100 * result.low:.0f}–{100 * result.high:.0f}", style="not bold dim")
    return text


def _footnotes(reports: Sequence[CellReport], benchmark: Benchmark) -> Iterable[str]:
    played, total = sum(r.played for r in reports), sum(r.total for r in reports)
    saved = f" decided what {count(total)} would have said: {percent(1 - played / total)} saved"
    yield f"{quantity(played, 'episode')}{saved if played < total else ', all that were asked for'}."
    if resumed := sum(report.resumed for report in reports):
        were = "was" if resumed == 1 else "were"
        yield f"{count(resumed)} of them {were} resumed from an earlier run that did not finish."
    playable, listed = sum(r.playable for r in _per_dimension(reports)), sum(r.listed for r in _per_dimension(reports))
    told = "are recorded" if all(retold(r.checkpoint) for r in reports) else "can be played here"
    yield f"Of these dimensions' {count(listed)} tasks, {count(playable)} {told}."
    if any(report.margin_raised for report in reports):
        yield "* the least rate that passes, where run-to-run noise at this many episodes raised the margin."
    for report in reports:
        for said in (*ablations(report), *repeats(report)):
            yield f"{report.model}, {report.dimension}: {said}."
    for report in reports:
        if how := failures(report):
            yield f"{report.model}, {report.dimension}: {how}."
        if second := credited(report):
            yield f"{report.model}, {report.dimension}, subgoals: {second}."
    yield from legend(reports)
    noted = [(r.model, r.dimension, note) for r in reports for note in [*assumptions(r), *r.notes]]
    for line in footnotes(noted):
        yield f"† {line}"


def _per_dimension(reports: Sequence[CellReport]) -> list[CellReport]:
    return list({report.dimension: report for report in reports}.values())


def _rendered(table: Table, terminal: pytest.TerminalReporter) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(terminal._tw.fullwidth, 60),
        force_terminal=terminal.hasmarkup,
        no_color=not terminal.hasmarkup,
        color_system="standard" if terminal.hasmarkup else None,
    )
    console.print(table)
    return aligned(stream.getvalue().rstrip("\n"), getattr(terminal._tw._file, "encoding", None) or "utf-8")
