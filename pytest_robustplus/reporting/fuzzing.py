"""Frontiers and what fuzzing found in words, at the end of the terminal's report, and in the corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pytest_robustplus.fuzz.judging import Judgement
from pytest_robustplus.perturbations import Perturbation
from pytest_robustplus.reporting.notes import text
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport, Interval, Probe
from pytest_robustplus.results.text import count, percent, quantity


def corpus_cases(found: Iterable[Probe]) -> list[dict[str, object]]:
    """What a corpus keeps of a run: a clear failure of each search, known ones left out."""

    return [
        {
            "benchmark": probe.benchmark,
            "model": probe.model,
            "perturbation": json.loads(probe.perturbation),
            "mildest": probe.mildest,
        }
        for probe in found
        if isinstance(probe, FuzzReport) and probe.perturbation and not probe.known
    ]


def line(probe: Probe) -> str:
    """What was found, in one line."""
    return _frontier(probe) if isinstance(probe, FrontierReport) else _search(probe)


def paragraph(probe: Probe, title: str) -> str:
    """What a person needs to know of a frontier that has come nearer, or of a perturbation that was found."""
    return _nearer(probe, title) if isinstance(probe, FrontierReport) else _found(probe, title)


def judged(judgement: Judgement, perturbation: Perturbation, threshold: float) -> str:
    """What an assertion that does not hold shows of episodes under a perturbation."""
    word = "holds" if judgement.holds else "falls short"
    return (
        f"<{word}: {judgement.successes} of {judgement.played} episodes succeed under {perturbation!r},"
        f" {percent(threshold)} have to>"
    )


def _frontier(report: FrontierReport) -> str:
    held = "" if report.accepted is None else f", accepted {place(report, report.accepted)}"
    found = f"no frontier, {text(report.rises)}" if report.rises else place(report, report.found)
    return (
        f"{report.axis} of {report.model}: {found}, unperturbed {percent(report.rate)},"
        f" {quantity(report.episodes, 'episode')}{held}: {report.outcome.upper()}"
        + (f" ({text(report.note)})" if report.note else "")
    )


def place(report: FrontierReport, interval: Interval) -> str:
    """Where a frontier lies, with its interval."""
    if interval.beyond:
        return f"beyond {report.end:g}{report.unit}"
    high = "beyond" if interval.open else f"{interval.high:.3g}"
    return f"{interval.estimate:.3g}{report.unit} [{interval.low:.3g}, {high}]"


def _nearer(report: FrontierReport, title: str) -> str:
    assert report.accepted is not None
    return "\n".join(
        [
            f"{place(report, report.found)}, accepted {place(report, report.accepted)}: the frontier of {report.axis}"
            f" of {report.model} on {title} has come nearer.",
            f"  now       {place(report, report.found)}, {quantity(report.episodes, 'episode')}",
            f"  accepted  {place(report, report.accepted)}",
            f"  question  where success has fallen to {percent(report.share)} of its unperturbed"
            f" {percent(report.rate)}; 95 % intervals that do not overlap fail",
            *([f"  note      {text(report.note)}"] if report.note else []),
        ]
    )


def _hidden(failing: int) -> str:
    hide = "one that fails hides" if failing == 1 else f"{count(failing)} that fail hide"
    return f"{hide} what the task is about, which is not the policy's fault"


def _search(report: FuzzReport) -> str:
    tried = f"{quantity(report.candidates, 'perturbation')}, {quantity(report.episodes, 'episode')}"
    if report.hidden:
        tried += f"; {_hidden(report.hidden)}"
    if not report.mildest and report.first:
        return (
            f"{report.what} of {report.model}: the budget ended the search, {tried}; {report.first} seemed to fail,"
            f" which fresh episodes do not confirm ({report.at_it} succeed)"
        )
    if not report.mildest:
        return f"{report.what} of {report.model}: nothing found in {tried}, where the budget ended the search"
    return f"{report.what} of {report.model}: falls short under {report.mildest} ({report.at_it}), {tried}"


def _found(report: FuzzReport, title: str) -> str:
    how = "in the corpus" if report.known else f"found by candidate {report.candidates}"
    lines = [
        f"{report.at_it.successes}/{report.at_it.played} < {percent(report.threshold)}:"
        f" {report.what} of {report.model} on {title}, under",
        f"  {report.mildest}",
        f"  at it        {report.at_it} fresh episodes succeed, severity {report.severity:.2f};"
        f" {100 * report.confidence:.0f} % confidence that it falls short",
        *_around(report),
        f"  unperturbed  {report.unperturbed}",
        f"  {how} as {report.first}; {quantity(report.episodes, 'episode')} in all",
        f"  as a test    @example(p={report.mildest})",
    ]
    if report.stands:
        lines.insert(2, f"  in the scene {report.stands}: there was no room for more")
    if report.hidden:
        lines.append(f"  passed over  {_hidden(report.hidden)}")
    if report.episode is not None:
        lines.append(f"  play it      pytest --robust-replay={report.episode}")
    files = (("before", report.before), ("after", report.after), ("video", report.video))
    lines += [f"  {name:<12} {path}" for name, path in files if path]
    if report.unseen:
        lines.append(f"  pictures     {text(report.unseen)}")
    return "\n".join(lines)


def _around(report: FuzzReport) -> Iterable[str]:
    if report.begins:
        place, low, high = report.begins
        yield f"  begins       near severity {place:.2f} [{low:.2f}, {high:.2f}]"
    if report.below_it.played:
        yield f"  milder       {report.below_it} under {report.below}"
