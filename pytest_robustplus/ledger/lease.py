"""Who may use the machine: any number of episodes at a time, or one latency test alone.

Two file locks beside the ledger, so that a process that dies lets go of them. Whoever wants in holds the door while it
waits, so a latency test waits for the episodes under way and not for those that would follow.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pytest_robustplus.errors import LedgerError


class Lease:
    """The lease of a ledger's runs; not to be taken again by who holds it."""

    def __init__(self, ledger: Path) -> None:
        self._door, self._room = (ledger.with_name(f"{ledger.name}.{part}") for part in ("door", "room"))

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Compute beside others, once nobody wants the machine alone; takes about 50 µs."""
        with ExitStack() as stack:
            with _held(self._door, fcntl.LOCK_EX):
                stack.enter_context(_held(self._room, fcntl.LOCK_SH))
            yield

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Compute for somebody who is, or was, inside: past the door, but never beside who is alone; about 25 µs."""
        with _held(self._room, fcntl.LOCK_SH):
            yield

    def wanted(self) -> bool:
        """Whether somebody waits at the door, so that whoever is inside should leave soon; takes about 20 µs."""
        with self._door.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Compute while nobody else does, once those who do have finished."""
        with _held(self._door, fcntl.LOCK_EX), _held(self._room, fcntl.LOCK_EX):
            yield


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            fcntl.flock(stack.enter_context(path.open("a")), how)
        except OSError as error:
            raise LedgerError(
                f"{path}: the machine cannot be leased ({error.strerror}); make the directory writable, or name another"
                " ledger with --robust-ledger."
            ) from error
        yield
