"""A ledger with one open audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger_samples import join, make_episode

from pytest_robustplus.ledger import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path) as opened:
        yield opened


@pytest.fixture
def audit(ledger: Ledger) -> int:
    return join(ledger, "run-1")


@pytest.fixture
def play(ledger: Ledger, audit: int) -> Callable[..., list[int]]:
    """Record finished episodes at the given positions."""
    return lambda *positions: [ledger.record(audit, position, make_episode(position)) for position in positions]
