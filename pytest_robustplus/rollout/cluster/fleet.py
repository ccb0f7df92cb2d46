"""Simulators on other machines as one fleet: who plays what, what a loss costs, what is played twice; knows no Ray.

The rules of a loss: a simulator that dies costs its episode a try, since the episode may have killed it; a machine that
dies does not. Nothing is restarted behind this module's back, so an episode is at play where it is known to be.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError
from pytest_robustplus.rollout.episode import Episode
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.rollout.limit import GRACE, overdue
from pytest_robustplus.rollout.pool import STARTING_S
from pytest_robustplus.rollout.simulating import Report

Key = Hashable
# An episode whose machine dies is moved to another one so often; then something else is wrong.
MOVES = 5
# So many simulators in a row that die before they have played anything: not one machine's fault.
STILLBORN = 8
# Without any simulator a run says so after the one and ends after the other: machines may be on their way.
UNMANNED_SAID_S, UNMANNED_S = 60.0, 1800.0


class Ready(NamedTuple):
    """A simulator's process is there, on a node."""

    hand: int
    node: str


class Said(NamedTuple):
    """What came of an episode."""

    hand: int
    report: Report


class Lost(NamedTuple):
    """A simulator is gone; with its ``machine`` it was not the episode's fault."""

    hand: int
    why: str
    machine: bool


class LeftOut(NamedTuple):
    """A simulator is there, on a machine that is not to be used: it keeps others from being placed there."""

    hand: int


class Unfit(NamedTuple):
    """A simulator cannot be had, here or elsewhere: what was asked for is wrong."""

    hand: int
    error: BadInputError


Event = Ready | Said | Lost | LeftOut | Unfit


class Engine(Protocol):
    """What starts processes on machines and carries messages to them; simulators are numbered by who asks for them."""

    def hire(self, hand: int, seat: int, seats: int) -> None:
        """Ask for a simulator; ``Ready``, ``Lost``, ``LeftOut`` or ``Unfit`` will say what came of it.

        It takes a ``seat`` of so many: the number of one that was lost is given to another.
        """
        ...

    def play(self, hand: int, key: Key, task: Task) -> None:
        """Let a simulator that is ready play; ``Said`` or ``Lost`` follows."""
        ...

    def cancel(self, hand: int) -> None:
        """Tell a simulator that nobody wants its episode any more; ``Said`` follows all the same."""
        ...

    def dismiss(self, hand: int) -> None:
        """End a simulator at once; nothing more is heard of it."""
        ...

    def wait(self, timeout: float) -> Sequence[Event]:
        """Wait until something has happened, or until ``timeout`` seconds are over."""
        ...


@dataclass(slots=True)
class _Hand:
    """A simulator: what it plays, and what it has compiled; one that is left out has no ``seat``."""

    seat: int | None
    ready: bool = False
    node: str = ""
    key: Key = None
    bases: set[str] = field(default_factory=set)
    ticket: int | None = None
    began: float = 0.0
    played: int = 0
    limit: float | None = None


@dataclass(slots=True)
class _Episode:
    """What a ticket stands for, wherever it is at play."""

    key: Key
    task: Task
    hands: set[int] = field(default_factory=set)
    moves: int = 0


@dataclass(slots=True)
class Tally:
    """What a fleet has done so far; ``busy`` are seconds of simulators, ``differing`` episodes that came out twice."""

    finished: int = 0
    given_up: int = 0
    hedged: int = 0
    moved: int = 0
    busy: float = 0.0
    differing: list[str] = field(default_factory=list)


class Fleet:
    """Plays tasks of any setup on as many simulators as were asked for and found a place.

    Not safe to share between threads. An episode that outlasts ``limit`` ends in error, and its simulator with it.
    """

    def __init__(
        self, engine: Engine, size: int, *, limit: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self.size, self._limit, self.clock = engine, size, limit, clock
        self._hands: dict[int, _Hand] = {}
        self._episodes: dict[int, _Episode] = {}
        self._waiting: deque[int] = deque()
        self._winners: dict[int, tuple[str, str]] = {}
        self._hired = 0
        self._stillborn: Counter[str] = Counter()
        self.tally = Tally()
        self.began = self._manned = clock()
        self._said = False
        self._fill()

    @property
    def free(self) -> int:
        """How many more tasks could begin now; while nobody is there yet one may wait."""
        idle = sum(hand.ready and hand.ticket is None for hand in self._hands.values())
        return max(idle - len(self._waiting), 0)

    @property
    def nodes(self) -> Counter[str]:
        """Simulators that are there, by node."""
        return Counter(hand.node for hand in self._hands.values() if hand.ready)

    @property
    def busy(self) -> int:
        """How many simulators play."""
        return sum(hand.ticket is not None for hand in self._hands.values())

    def start(self, ticket: int, key: Key, task: Task) -> None:
        """Begin to play, or as soon as a simulator is there."""
        self._episodes[ticket] = _Episode(key, task)
        self._waiting.append(ticket)
        self._assign()

    def hedge(self, ticket: int) -> bool:
        """Play an episode a second time on an idle simulator; False where there is none, or it plays twice already."""
        episode = self._episodes.get(ticket)
        if episode is None or len(episode.hands) != 1 or not self.free:
            return False
        self.tally.hedged += 1
        self._give(self._choose(episode), ticket)
        return True

    def wait(self, timeout: float) -> list[EpisodeResult]:
        """Let things go on until something has come of a task."""
        until = self.clock() + timeout
        found: list[EpisodeResult] = []
        while True:
            for event in self._engine.wait(max(min(until, self._deadline()) - self.clock(), 0.0)):
                found += self._hear(event)
            found += self._overdue()
            self._look_for_anybody()
            self._assign()
            if found or self.free or self.clock() >= until:
                return found

    def abandon(self, tickets: Collection[int]) -> None:
        """Give up episodes; their simulators are free again at their next look."""
        for ticket in tickets:
            episode = self._episodes.pop(ticket, None)
            if episode is None:
                continue
            self.tally.given_up += 1
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            for hand in episode.hands:
                self._engine.cancel(hand)

    def close(self) -> None:
        """End every simulator."""
        for hand in list(self._hands):
            self._engine.dismiss(hand)
        self._hands.clear()
        self._episodes.clear()
        self._waiting.clear()

    def _fill(self) -> None:
        """Ask for simulators where seats are empty."""
        taken = {hand.seat for hand in self._hands.values()}
        for seat in range(self.size):
            if seat not in taken:
                self._hired += 1
                self._hands[self._hired] = _Hand(seat)
                self._engine.hire(self._hired, seat, self.size)

    def _look_for_anybody(self) -> None:
        """Say when there is no simulator for a while, and end the run with a sentence when none comes."""
        if any(hand.ready for hand in self._hands.values()):
            self._manned, self._said = self.clock(), False
            return
        alone = self.clock() - self._manned
        if alone > UNMANNED_S:
            raise BadInputError(
                f"The cluster has had no simulator for {UNMANNED_S / 60:.0f} minutes: its machines are gone, not fit or"
                " taken by others (ray status says which). Everything recorded is kept: once there is room, the same"
                " command goes on."
            )
        if alone > UNMANNED_SAID_S and not self._said:
            self._said = True
            warnings.warn(
                f"No machine of the cluster has had room for a simulator for {UNMANNED_SAID_S:.0f} s. Add one (ray"
                " start --address=…), or see who takes them (ray status). This run waits for"
                f" {UNMANNED_S / 60:.0f} minutes.",
                stacklevel=2,
            )

    def _assign(self) -> None:
        while self._waiting and any(hand.ready and hand.ticket is None for hand in self._hands.values()):
            ticket = self._waiting.popleft()
            self._give(self._choose(self._episodes[ticket]), ticket)

    def _choose(self, episode: _Episode) -> int:
        """An idle simulator: rather one that has compiled the scene, then one of the same policy, then a fresh one."""

        def cost(number: int) -> tuple[bool, bool, bool, int]:
            hand = self._hands[number]
            same = hand.key == episode.key
            return not (same and episode.task.base in hand.bases), not same, hand.key is not None, len(hand.bases)

        return min((n for n, hand in self._hands.items() if hand.ready and hand.ticket is None), key=cost)

    def _give(self, number: int, ticket: int) -> None:
        hand, episode = self._hands[number], self._episodes[ticket]
        fresh = hand.key != episode.key
        if fresh:
            hand.bases.clear()
        hand.key, hand.ticket, hand.began = episode.key, ticket, self.clock()
        hand.bases.add(episode.task.base)
        if self._limit is not None:
            # The simulator watches itself; this is for one that cannot.
            hand.limit = GRACE * self._limit + (STARTING_S if fresh else 0.0)
        episode.hands.add(number)
        self._engine.play(number, episode.key, episode.task)

    def _hear(self, event: Event) -> list[EpisodeResult]:
        hand = self._hands.get(event.hand)
        if hand is None:
            return []
        if isinstance(event, Unfit):
            raise event.error
        if isinstance(event, Ready):
            hand.ready, hand.node = True, event.node
            return []
        if isinstance(event, LeftOut):
            hand.seat = None
            self._fill()
            return []
        ticket, hand.ticket = hand.ticket, None
        episode = None if ticket is None else self._episodes.get(ticket)
        if ticket is not None:
            self.tally.busy += self.clock() - hand.began
        if isinstance(event, Lost):
            return self._lose(event, hand, ticket, episode)
        hand.played += 1
        self._stillborn.clear()
        report = event.report
        if report.error is not None:
            # A simulator that raised is not to be trusted with the next episode.
            self._replace(event.hand)
        if episode is None or ticket is None:
            self._compare(event.hand, report)
            return []
        if report.error is None and report.finish is None:
            # Cancelled on its way, though wanted: it was given up by mistake of nobody, and is played again.
            episode.hands.discard(event.hand)
            self._waiting.appendleft(ticket)
            return []
        if isinstance(report.error, BadInputError):
            raise report.error
        return self._settle(event.hand, ticket, episode, report.finish, report)

    def _settle(
        self, number: int, ticket: int, episode: _Episode, finish: object, report: Report
    ) -> list[EpisodeResult]:
        """The first to finish counts; of another one that plays the same only its hash is of interest."""
        episode.hands.discard(number)
        if report.error is not None and episode.hands:
            return []
        del self._episodes[ticket]
        for other in episode.hands:
            if isinstance(finish, Episode):
                self._winners[other] = episode.task.name, finish.state_hash
            self._engine.cancel(other)
        if report.error is not None:
            return [EpisodeResult(ticket, error=report.error)]
        self.tally.finished += 1
        assert isinstance(finish, Episode)
        return [EpisodeResult(ticket, finish, report.provenance)]

    def _compare(self, number: int, report: Report) -> None:
        name, state_hash = self._winners.pop(number, ("", ""))
        if name and isinstance(report.finish, Episode) and report.finish.state_hash != state_hash:
            self.tally.differing.append(name)

    def _lose(self, event: Lost, hand: _Hand, ticket: int | None, episode: _Episode | None) -> list[EpisodeResult]:
        self._winners.pop(event.hand, None)
        if not hand.played and not event.machine:
            self._stillborn[event.why] += 1
            if sum(self._stillborn.values()) >= max(STILLBORN, self.size):
                raise BadInputError(
                    f"No simulator of the cluster stays alive: {self._stillborn.most_common(1)[0][0]}. Look into Ray's"
                    " logs on the nodes (/tmp/ray/session_latest/logs)."
                )
        self._replace(event.hand)
        if episode is None or ticket is None:
            return []
        episode.hands.discard(event.hand)
        if episode.hands:
            return []
        if event.machine and episode.moves < MOVES:
            episode.moves += 1
            self.tally.moved += 1
            self._waiting.appendleft(ticket)
            return []
        del self._episodes[ticket]
        name = episode.task.name
        error: RobustnessError = SimulatorError(f"The simulator that played {name} was lost: {event.why}")
        return [EpisodeResult(ticket, error=error)]

    def _replace(self, number: int) -> None:
        self._hands.pop(number, None)
        self._engine.dismiss(number)
        self._fill()

    def _deadline(self) -> float:
        ends = [h.began + h.limit for h in self._hands.values() if h.ticket is not None and h.limit is not None]
        return min(ends, default=float("inf"))

    def _overdue(self) -> list[EpisodeResult]:
        at, found = self.clock(), []
        for number, hand in list(self._hands.items()):
            if hand.ticket is None or hand.limit is None or hand.began + hand.limit > at:
                continue
            episode = self._episodes.get(hand.ticket)
            self.tally.busy += at - hand.began
            self._replace(number)
            if episode is not None:
                found += self._settle(
                    number, hand.ticket, episode, None, Report(error=overdue(episode.task.name, at - hand.began))
                )
        return found
