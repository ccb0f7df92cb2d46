"""Any number compute beside each other, one alone; whoever waits to be alone is not overtaken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger.lease import Lease

LONG_S = 60.0


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_episodes_share_and_a_latency_test_is_alone_before_those_that_come_later(tmp_path: Path) -> None:
    lease, order = Lease(tmp_path / "l.sqlite"), []

    def alone() -> None:
        with lease.alone():
            order.append("alone")

    def later() -> None:
        with lease.shared():
            order.append("later")

    with lease.shared():
        with lease.shared():
            order.append("two at once")
            assert not lease.wanted()
        timing = started(alone)
        deadline = time.monotonic() + LONG_S
        while not lease.wanted():
            assert time.monotonic() < deadline, "nobody waits at the door"
        playing = started(later)
        assert order == ["two at once"]
    timing.join(LONG_S)
    playing.join(LONG_S)
    assert order == ["two at once", "alone", "later"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="the machine cannot be leased"), Lease(tmp_path / "no" / "l").shared():
        pass


def test_an_error_inside_is_not_mistaken_for_one_of_the_lease(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "l.sqlite")
    for hold in (lease.shared, lease.alone):
        with pytest.raises(OSError, match="disk"), hold():
            raise OSError("disk")
    with lease.alone():
        pass
