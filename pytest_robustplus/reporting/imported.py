"""What an import says of itself: what was taken over, what is unknown, and what could not be mapped; an export, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_robustplus.interchange import Imported
from pytest_robustplus.results.text import count, percent, quantity

SHOWN = 5


def account(imported: Imported) -> str:
    """Say in a few lines what an import has done."""
    return "\n".join(_lines(imported))


def exported(episodes: int, paths: Iterable[Path]) -> str:
    """Say in a line what an export has written, and where."""
    return f"{quantity(episodes, 'episode')} written to {', '.join(map(str, paths))}"


def _lines(imported: Imported) -> Iterator[str]:
    placed = imported.placed
    for one in imported.found:
        told = ", ".join(f"{name} {value}" for name, value in one.facts.items() if name != "params")
        yield f"{one.path}: {one.format}, {one.version}{f'; {told}' if told else ''}"
        if one.unknown:
            yield f"  unknown: {', '.join(one.unknown)}"
        for rate in one.aggregates:
            yield f"  {rate.label}: {percent(rate.successes / rate.played)} of {count(rate.played)}"
        if one.aggregates:
            yield "  rates without their episodes can be read beside a baseline, but neither gated nor paired"
    for dimension, (successes, known, listed) in imported.counts.items():
        share = "" if known == listed else f" ({count(listed)} listed)"
        yield f"  {dimension!s:10s} {percent(successes / known):>7s} of {count(known)} tasks{share}"
    for reason, labels in placed.strangers.items():
        yield f"  NOT mapped, {quantity(len(labels), 'trial')}: {reason}"
        yield from (f"    {label}" for label in labels[:SHOWN])
        if len(labels) > SHOWN:
            yield f"    and {count(len(labels) - SHOWN)} more"
    if placed.errors:
        yield f"  {quantity(placed.errors, 'trial')} ended in errors, which are no outcomes"
    if placed.repeats:
        yield f"  {quantity(placed.repeats, 'further trial')} of tasks that {imported.title} plays once"
    held = len(placed.outcomes) - imported.new
    if placed.outcomes:
        yield (
            f"{quantity(imported.new, 'episode')} of {imported.model} on {imported.title} added to"
            f" {imported.ledger}" + (f", {count(held)} were there before" if held else "")
        )
        yield (
            f"Use them as --robust-model recorded:{imported.model}, or in --robust-compare, with"
            f" --robust-ledger={imported.ledger}"
        )
