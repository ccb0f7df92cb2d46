"""Who plays for a campaign: the simulators of this process and its pool, or those of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.rollout.executor import EpisodeResult, Executor
from pytest_robustplus.session.cells import TableCell

if TYPE_CHECKING:
    from pytest_robustplus.evaluation.resources import Resources


class Players(Protocol):
    """Plays tasks of any cell; tickets tell them apart."""

    several: bool
    """Whether more than one task is at play at once."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, from any beginning."""
        ...

    @property
    def block(self) -> int:
        """How many positions are worth claiming at once, where nobody else claims."""
        ...

    @property
    def free(self) -> int:
        """How many more tasks could begin now."""
        ...

    @property
    def pieces(self) -> int:
        """Pieces of work done so far in preparing tasks: signs of life, as outcomes are."""
        ...

    def beside(self, own: TableCell | None, cell: TableCell) -> bool:
        """Whether a cell can be played beside what is at play, or beside ``own``, which is to be played."""
        ...

    def prepare(self, cell: TableCell) -> None:
        """Make sure that the cell's policy is at hand; raises what is wrong with it."""
        ...

    def start(self, ticket: int, cell: TableCell, task: Task) -> None:
        """Begin to play; only when something is free and the cell was prepared."""
        ...

    def hedge(self, ticket: int) -> bool:
        """Play what a ticket stands for a second time, elsewhere: who finishes first counts. False if it cannot."""
        ...

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        """Let things go on until something has come of a task, or until ``timeout`` seconds are over."""
        ...

    def abandon(self, tickets: Collection[int]) -> None:
        """Give up what is being played under these tickets; nothing will come of it."""
        ...


class LocalPlayers:
    """One executor at a time: another model would need other simulators, and a policy more, in place of these."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._executor: Executor | None = None
        self._key: tuple[str, str] | None = None
        self._tickets: set[int] = set()
        self.several = resources.session.settings.simulators > 1
        self.clock = time.monotonic
        self.block = 1

    @property
    def free(self) -> int:
        return 1 if self._executor is None else self._executor.free

    @property
    def pieces(self) -> int:
        return 0 if self._executor is None else self._executor.pieces

    def beside(self, own: TableCell | None, cell: TableCell) -> bool:
        if self._tickets:
            return cell.key == self._key
        return own is None or cell.key == own.key or not self._resources.pooled(own)

    def prepare(self, cell: TableCell) -> None:
        if not self._tickets:
            self._executor, self._key = self._resources.shared([cell])[0], cell.key

    def start(self, ticket: int, cell: TableCell, task: Task) -> None:
        assert self._executor is not None
        self._tickets.add(ticket)
        self._executor.start(ticket, task)

    def hedge(self, ticket: int) -> bool:
        return False

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        if self._executor is None:
            return []
        outcomes = self._executor.wait(timeout)
        self._tickets.difference_update(outcome.ticket for outcome in outcomes)
        return outcomes

    def abandon(self, tickets: Collection[int]) -> None:
        if self._executor is not None:
            self._executor.abandon(tickets)
        self._tickets.difference_update(tickets)
        if not self._tickets:
            self._executor = None
