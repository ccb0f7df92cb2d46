"""Claims in words: the sentence, the verdict, and the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_robustplus.reporting.notes import text, texts
from pytest_robustplus.results.claims import ClaimReport


def verdict(report: ClaimReport) -> str:
    """Say what became of a claim."""
    return f"refuted by {', '.join(report.refuted_by)}" if report.verdict == "refuted" else report.verdict


def story(report: ClaimReport) -> str:
    """Explain a claim to the person who made it."""
    lines = [f"{text(report.sentence)}: {verdict(report)}", *(f"  {line}" for line in texts(report.lines))]
    return "\n".join([*lines, *(f"  note      {note}" for note in texts(report.notes))])


def summary(reports: Iterable[ClaimReport]) -> Iterator[str]:
    """Every claim, for the end of a run; the figures of a refuted one stand with its failure."""
    for report in reports:
        yield from story(report).split("\n")[: 1 if report.verdict == "refuted" else None]
