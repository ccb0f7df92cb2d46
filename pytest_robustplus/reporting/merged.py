"""What joining ledgers says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_robustplus.results.merging import JoinedCell, Merged
from pytest_robustplus.results.text import count, percent, quantity


def account(merged: Merged) -> str:
    """Say in a few lines what was joined, and what is missing."""
    return "\n".join(_lines(merged))


def _lines(merged: Merged) -> Iterator[str]:
    new = sum(cell.new for cell in merged.cells)
    yield f"{quantity(new, 'episode')} of {quantity(merged.ledgers, 'ledger')} joined into {merged.path}"
    for cell in merged.cells:
        yield f"  {cell.model}-{cell.benchmark}-{cell.dimension}: {_cell(cell)}"
        if len(cell.renderers) > 1:
            yield f"    its pictures come from several renderers: {', '.join(cell.renderers)}"
    for name in merged.unfinished:
        yield f"  the last run in {name} was killed, or still plays; join it again once it has ended"


def _cell(cell: JoinedCell) -> str:
    rate = f"{percent(cell.successes / cell.played)} of {count(cell.played)}"
    if cell.played == cell.total:
        return f"{rate}, all of them"
    return f"{rate}, {count(cell.total - cell.played)} missing; verdicts rest on the first {count(cell.prefix)}"
