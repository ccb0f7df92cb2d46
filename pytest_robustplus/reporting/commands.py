"""What the commands say that pytest runs instead of tests: what they have written, taken over, joined, and not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_robustplus.interchange import Imported
from pytest_robustplus.results.merging import JoinedCell, Merged
from pytest_robustplus.results.text import count, percent, quantity

SHOWN = 5


def imported(found: Imported) -> Iterator[str]:
    """Say in a few lines what an import has done."""
    placed = found.placed
    for one in found.found:
        told = ", ".join(f"{name} {value}" for name, value in one.facts.items() if name != "params")
        yield f"{one.path}: {one.format}, {one.version}{f'; {told}' if told else ''}"
        if one.unknown:
            yield f"  unknown: {', '.join(one.unknown)}"
        for rate in one.aggregates:
            yield f"  {rate.label}: {percent(rate.successes / rate.played)} of {count(rate.played)}"
        if one.aggregates:
            yield "  rates without their episodes can be read beside a baseline, but neither gated nor paired"
    for dimension, (successes, known, listed) in found.counts.items():
        share = "" if known == listed else f" ({count(listed)} listed)"
        yield f"  {dimension!s:10s} {percent(successes / known):>7s} of {quantity(known, 'task')}{share}"
    for reason, labels in placed.strangers.items():
        yield f"  NOT mapped, {quantity(len(labels), 'trial')}: {reason}"
        yield from (f"    {label}" for label in labels[:SHOWN])
        if len(labels) > SHOWN:
            yield f"    and {count(len(labels) - SHOWN)} more"
    if placed.errors:
        yield f"  {quantity(placed.errors, 'trial')} ended in errors, which are no outcomes"
    if placed.repeats:
        yield f"  {quantity(placed.repeats, 'further trial')} of tasks that {found.title} plays once"
    held = len(placed.outcomes) - found.new
    if placed.outcomes:
        yield (
            f"{quantity(found.new, 'episode')} of {found.model} on {found.title} added to"
            f" {found.ledger}" + (f", {count(held)} were there before" if held else "")
        )
        yield (
            f"Use them as --robust-model=recorded:{found.model}, or in --robust-compare, with"
            f" --robust-ledger={found.ledger}"
        )


def exported(episodes: int, paths: Iterable[Path]) -> str:
    """Say in a line what an export has written, and where."""
    return f"{quantity(episodes, 'episode')} written to {', '.join(map(str, paths))}"


def merged(found: Merged) -> Iterator[str]:
    """Say in a few lines what was joined, and what is missing."""
    new = sum(cell.new for cell in found.cells)
    yield f"{quantity(new, 'episode')} of {quantity(found.ledgers, 'ledger')} joined into {found.path}"
    for cell in found.cells:
        yield f"  {cell.model}-{cell.benchmark}-{cell.dimension}: {_joined(cell)}"
        if len(cell.renderers) > 1:
            yield f"    its pictures come from several renderers: {', '.join(cell.renderers)}"
    for name in found.unfinished:
        yield f"  the last run in {name} was killed, or still plays; join it again once it has ended"


def _joined(cell: JoinedCell) -> str:
    rate = f"{percent(cell.successes / cell.played)} of {count(cell.played)}"
    if cell.played == cell.total:
        return f"{rate}, all of them"
    return f"{rate}, {count(cell.total - cell.played)} missing; verdicts rest on the first {count(cell.prefix)}"


_PURPOSES = {
    "test_robustness.py": "the suite",
    "my_policy.py": "the policy that is tested: put your network there",
    "pyproject.toml": "which cells are played",
    ".github/workflows/robustness.yml": "the same every night",
}


def started(folder: Path, written: Sequence[str], left: Mapping[str, str]) -> Iterator[str]:
    """Say of each file what it is for, or what it would have held, and how to go on."""
    for name in written:
        yield f"written: {folder / name}  ({_PURPOSES[name]})"
    for name, text in left.items():
        yield f"left as it is: {folder / name}. What would have been written:"
        yield from (f"    {line}" for line in text.splitlines())
    yield f"Now: cd {folder} && pytest. That needs two extras: pip install 'pytest-robustplus[libero,onnx]'"
