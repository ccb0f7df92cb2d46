"""What joining ledgers has brought together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class JoinedCell(NamedTuple):
    """A cell after joining: ``played`` of ``total`` positions finished, the first ``prefix`` of them without a hole."""

    model: str
    benchmark: str
    dimension: str
    ledgers: int
    successes: int
    played: int
    prefix: int
    total: int
    new: int
    renderers: tuple[str, ...] = ()


class Merged(NamedTuple):
    """What was joined into the ledger at ``path``; of the ``unfinished`` ones the last run has not ended by itself."""

    path: Path
    ledgers: int
    cells: tuple[JoinedCell, ...]
    unfinished: tuple[str, ...] = ()
