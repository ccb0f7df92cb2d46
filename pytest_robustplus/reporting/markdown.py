"""A run as a markdown table, for a job summary or a comment under a pull request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.reporting.claims import verdict
from pytest_robustplus.reporting.comparison import answer, by_group, contrasted, difference, errors, noise
from pytest_robustplus.reporting.fuzzing import line
from pytest_robustplus.reporting.json import RowTotal, totals
from pytest_robustplus.reporting.latency import control, sentences
from pytest_robustplus.reporting.notes import text as worded
from pytest_robustplus.reporting.text import (
    ablations,
    assumptions,
    credited,
    failures,
    footnotes,
    in_words,
    legend,
    paragraph,
    rate,
    repeats,
    summed,
    unanswered,
)
from pytest_robustplus.results.comparison import ComparisonReport
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.latency import LatencyResult
from pytest_robustplus.results.run import CellResult
from pytest_robustplus.results.text import count, interval, percent, quantity

SHOWN_LOSSES = 3
_SIGN = {
    "pass": "✅ pass",
    "fail": "❌ **FAIL**",
    "measured": "📏 measured",
    "undecided": "❔ undecided",
    "error": "💥 error",
}


def markdown(found: Findings, benchmarks: Mapping[str, Benchmark]) -> str:
    """Write one table per benchmark, one of latencies, and what fuzzing found; what was not measured says why."""
    results = found.cells
    parts = [line for said in in_words(results, benchmarks) for line in (f"**{_escape(said)}**", "")]
    if paired := [line for result in results for line in _since(result)]:
        parts += ["Since the accepted run:", "", *paired, ""]
    for name in dict.fromkeys(result.name.benchmark for result in results):
        own = [result for result in results if result.name.benchmark == name]
        parts += [f"### Robustness: {benchmarks[name].title}", "", *_table(own), ""]
        parts += [f"- {_total(total)}" for total in totals(own, benchmarks)]
        parts += [
            f"- {_escape(f'{r.name.model}, {r.name.dimension}: {how}')}."
            for r in own
            if r.figures is not None and (how := failures(r.figures))
        ]
        parts += [
            f"- {_escape(f'{r.name.model}, {r.name.dimension}, subgoals: {second}')}."
            for r in own
            if r.figures is not None and (second := credited(r.figures))
        ]
        noted = [
            (str(r.name.model), str(r.name.dimension), note)
            for r in own
            for note in (
                []
                if r.figures is None
                else [*ablations(r.figures), *repeats(r.figures), *assumptions(r.figures), *r.figures.notes]
            )
        ]
        parts += [f"- {_escape(line)}" for line in legend(r.figures for r in own if r.figures is not None)]
        parts += [f"- † {_escape(line)}" for line in footnotes(noted)]
        parts.append("")
        parts += [line for result in own for line in _lost(result, benchmarks[name].title)]
    for (name, models), group in by_group(found.comparisons).items():
        parts += [f"### {_escape(' against '.join(models))}: {benchmarks[name].title}", "", *_comparison(group), ""]
    if found.contrasts:
        parts += ["### Where they differ most", "", *(f"- {_escape(contrasted(one))}" for one in found.contrasts), ""]
    if found.claims:
        parts += ["### Claims", ""]
        parts += [f"- {_escape(worded(one.sentence))}: {_escape(verdict(one))}" for one in found.claims]
        parts.append("")
    if found.latencies:
        parts += ["### Latency", "", *_latencies(found.latencies), ""]
    if found.probes:
        parts += ["### Fuzzing", "", *(f"- {_escape(line(probe))}" for probe in found.probes), ""]
    if found.unanswered:
        parts += [_escape(unanswered(found.unanswered)), ""]
    return "\n".join(parts)


def _since(result: CellResult) -> list[str]:
    """What has changed task by task since the run that was accepted, with a command to see the first loss."""
    said = []
    for gate in () if result.figures is None else result.figures.gates:
        if not gate.pairs:
            continue
        lost = [change for change in gate.changed if change.how == "lost"]
        text = f"{result.name.dimension} of {result.name.model}: {gate.pairs[1]} lost, {gate.pairs[2]} gained"
        if lost:
            named = ", ".join(f"`{_escape(change.task)}`" for change in lost[:SHOWN_LOSSES])
            more = f" and {gate.pairs[1] - SHOWN_LOSSES} more" if gate.pairs[1] > SHOWN_LOSSES else ""
            text = f"{text}; lost {named}{more}; see one: `pytest --robust-replay={lost[0].episode}`"
        said.append(f"- {text}")
    return said


def _table(results: Sequence[CellResult]) -> list[str]:
    head = ["model", "dimension", "verdict", "rate", "95 % interval", "baseline", "margin", "played"]
    lines = [_row(head), _row(["---"] * 3 + ["---:"] * 5)]
    return lines + [_row(_cells(result)) for result in results]


def _cells(result: CellResult) -> list[str]:
    name, report = [_escape(result.name.model), result.name.dimension], result.figures
    if report is None:
        return [
            *name,
            f"{_SIGN.get(result.state, '⚪ ' + result.state)}: {_escape(worded(result.reason))}",
            *["–"] * 5,
        ]
    above = ", ⚠️ **above**" if report.above else ""
    above += ", ⚠️ **drifts**" if report.drifts else ""
    held = report.baseline is not None
    return [
        *name,
        _SIGN[result.state] + above,
        rate(report) + ("†" if report.notes or assumptions(report) else ""),
        interval(*report.shown[1:]),
        percent(report.baseline) if report.baseline is not None else "–",
        f"{100 * report.margin:.1f}{' (noise)' if report.margin_raised else ''}" if held else "–",
        f"{count(report.played)} of {count(report.total)}",
    ]


def _lost(result: CellResult, title: str) -> list[str]:
    """Explain a red cell as the terminal does: the gate, what was lost or failed, the checkpoint, and how to replay."""
    report = result.figures
    if report is None or result.state != "fail":
        return []
    lost = [
        f"{gate.side}, {percent(gate.baseline)} of {gate.source}" for gate in report.gates if gate.verdict == "fail"
    ]
    if report.credit is not None and report.credit.verdict == "fail":
        lost.append(f"subgoals, {percent(report.credit.needed)} asked for")
    said = "; ".join(lost) or "no gate of its own: an assertion of the test failed"
    text = paragraph(report, f"{report.dimension} of {report.model} on {title}")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    head = f"#### ❌ {_escape(report.dimension)} of {_escape(report.model)}"
    return [head, "", f"Lost: {_escape(said)}", "", f"{fence}text", text, fence, ""]


def _comparison(group: Sequence[ComparisonReport]) -> list[str]:
    models = group[0].models
    head = ["dimension", *map(_escape, models), "difference, points", "pairs", "answer"]
    lines = [_row(head), _row(["---"] + ["---:"] * (len(models) + 2) + ["---"])]
    for report in group:
        rates = [percent(side.successes / max(side.played, 1)) for side in report.sides]
        found = difference(report.differences[0], report.total) if len(models) == 2 else "–"
        said = answer(report) + (f"; {noise(report)}" if len(models) == 2 else "")
        pairs = f"{count(report.pairs)} of {count(report.total)}"
        lines.append(_row([report.dimension, *rates, found, pairs, _escape(said)]))
    return [*lines, "", f"- {_escape(errors(group[0]))}"]


def _latencies(results: Sequence[LatencyResult]) -> list[str]:
    head = ["model", "benchmark", "verdict", "median", "p95", "server", "control"]
    lines = [_row(head), _row(["---"] * 3 + ["---:"] * 4)]
    notes = []
    for result in results:
        report, name = result.figures, [_escape(result.model), _escape(result.benchmark)]
        sign = _SIGN.get(result.state, "⚪ " + result.state)
        if report is None:
            lines.append(_row([*name, f"{sign}: {_escape(worded(result.reason))}", *["–"] * 4]))
            continue
        server = "–" if report.server_ms is None else f"{report.server_ms:.1f} ms"
        figures = [f"{report.p50_ms:.1f} ms", f"{report.p95_ms:.1f} ms", server, control(report)]
        lines.append(_row([*name, sign, *figures]))
        notes += [f"- {_escape(report.model)}: {_escape(sentence)}." for sentence in sentences(report)]
    return [*lines, "", *notes]


def _total(found: RowTotal) -> str:
    row = f"{_escape(found.model)}: Total ({found.rule.replace('_', ' ')})"
    if found.rate is None and found.measured == found.columns:
        return f"{row} not known: pairs ended some of its cells early"
    if found.rate is None:
        return f"{row} not measured, {found.measured} of {found.columns} dimensions were"
    value = summed(found.low, found.rate, found.high, early=found.early)
    return f"{row} {value}, over {quantity(found.played, 'episode')} of {quantity(found.listed, 'listed task')}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
