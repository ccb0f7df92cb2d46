"""One pool of simulators for all open questions of a run: what leaves one idle gives another its next episode."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import NamedTuple, Protocol

import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.recorder import now
from pytest_robustplus.evaluation.resources import Resources, resources_of
from pytest_robustplus.rollout.executor import EpisodeResult, Executor
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.session import POLL_S


class Question(Protocol):
    """What episodes are played for: an order of tasks, handed out one by one to whoever has a simulator free."""

    @property
    def cell(self) -> TableCell:
        """Whose policy plays, on which benchmark."""
        ...

    def decided(self) -> int | None:
        """How many episodes the verdict needed, once it is known; raises what makes it unknowable."""
        ...

    def next(self, *, first: bool) -> int | None:
        """Claim the next position for who decides the question; ``first`` when nothing else is at play for it here."""
        ...

    def offer(self) -> int | None:
        """Claim the next position for who helps; None while nothing is free, or when nobody needs help any more."""
        ...

    def give_back(self, position: int) -> None:
        """Leave a claimed position to whoever comes."""
        ...

    def task(self, position: int) -> Task:
        """What is played there."""
        ...

    def take(self, position: int, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of it; False when it is to be played once more. Raises what makes it unplayable."""
        ...


class _Playing(NamedTuple):
    question: Question
    position: int
    started: str


def nothing(besides: Question | None, within: tuple[str, str] | None) -> Iterable[Question]:
    """No other questions."""
    return ()


class Campaign:
    """What one process plays: the question that it decides first, and any other that is open while a simulator idles.

    ``others`` names those others besides the first, of a model on a benchmark alone where it is given one; they are
    built as late as they are needed. What goes wrong with another's question is counted in ``unable``: whoever decides
    it will meet it, too.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources, self._session = resources, resources.session
        self.others: Callable[[Question | None, tuple[str, str] | None], Iterable[Question]] = nothing
        self.unable: Counter[str] = Counter()
        self._given_up: set[int] = set()
        self._tickets = itertools.count()
        self._playing: dict[int, _Playing] = {}
        # Episodes to be played once more; claimed still.
        self._again: list[tuple[Question, int]] = []
        self._executor: Executor | None = None
        # The lease of the machine, held while anything is at play here.
        self._seat = ExitStack()

    def decide(self, question: Question) -> int:
        """Play until a question is decided, and say how many episodes that needed; raises what made it unplayable."""
        try:
            while (played := question.decided()) is None:
                self._turn(question, lambda: time.sleep(POLL_S))
        finally:
            self._leave()
        return played

    def help(self, until: Callable[[], bool], idle: Callable[[], None] = lambda: time.sleep(POLL_S)) -> None:
        """Play for others until there is something else to do; what to do while nothing is free is ``idle``."""
        try:
            while not until():
                self._turn(None, idle)
        finally:
            self._leave()

    def fill(self, seconds: float) -> None:
        """Play one episode for others, or wait; for who has nothing at play and nothing claimed."""
        if self._session.settings.simulators > 1:
            # Simulators of another model would take the place of those that wait.
            time.sleep(seconds)
            return
        turns = iter((False, True))
        self.help(lambda: not self._playing and next(turns), lambda: time.sleep(seconds))

    def _give_up(self, question: Question, error: RobustnessError) -> None:
        """Help with a question no more."""
        self._given_up.add(id(question))
        self.unable[str(error)] += 1

    def _turn(self, own: Question | None, idle: Callable[[], None]) -> None:
        """Give every idle simulator something to play, and take what came of what was played."""
        self._hand_out(own)
        self._session.progress.look()
        if not self._playing or self._executor is None:
            idle()
            return
        pieces = self._executor.pieces
        for outcome in self._executor.wait(POLL_S):
            self._take(outcome, own)
        if self._executor.pieces > pieces:
            self._session.ledger.heartbeat(self._session.claimant)

    def _hand_out(self, own: Question | None) -> None:
        while not self._playing or (self._executor is not None and self._executor.free):
            if self._playing and self._session.lease.wanted():
                return
            found = self._next(own)
            if found is None:
                return
            question, position = found
            if not self._playing:
                try:
                    self._executor = self._resources.executor(question.cell)
                except RobustnessError as error:
                    if question is own:
                        raise
                    question.give_back(position)
                    self._give_up(question, error)
                    continue
                self._seat.enter_context(self._session.lease.shared())
            assert self._executor is not None
            ticket = next(self._tickets)
            self._playing[ticket] = _Playing(question, position, now())
            self._executor.start(ticket, question.task(position))

    def _next(self, own: Question | None) -> tuple[Question, int] | None:
        """What to play next: what is to be played once more, what this process decides, what others need."""
        played = next((playing.question.cell.key for playing in self._playing.values()), None)
        for place, (question, position) in enumerate(self._again):
            if played in (None, question.cell.key):
                del self._again[place]
                return question, position
        if own is not None:
            if played not in (None, own.cell.key):
                return None
            first = all(playing.question is not own for playing in self._playing.values())
            if (claimed := own.next(first=first)) is not None:
                return own, claimed
        return self._help(own, played)

    def _help(self, own: Question | None, played: tuple[str, str] | None) -> tuple[Question, int] | None:
        within = played
        if within is None and own is not None and self._resources.pooled(own.cell):
            # Another model would need simulators or scenes of its own in place of these.
            within = own.cell.key
        for question in self.others(own, within):
            if within not in (None, question.cell.key) or id(question) in self._given_up:
                continue
            try:
                position = question.offer()
            except RobustnessError as error:
                self._give_up(question, error)
                continue
            if position is not None:
                return question, position
        return None

    def _take(self, outcome: EpisodeResult, own: Question | None) -> None:
        question, position, started = self._playing.pop(outcome.ticket)
        try:
            finished = question.take(position, started, outcome)
        except RobustnessError as error:
            if question is own:
                raise
            question.give_back(position)
            self._give_up(question, error)
            finished = True
        finally:
            if not self._playing:
                self._seat.close()
        if not finished:
            self._again.append((question, position))

    def _leave(self) -> None:
        """Give back all that was claimed: who gives up on an episode must not keep others waiting for it."""
        if self._executor is not None:
            self._executor.abandon()
        self._executor = None
        self._playing.clear()
        self._again.clear()
        self._seat.close()
        self._session.ledger.release(self._session.claimant)


_CAMPAIGN: pytest.StashKey[Campaign] = pytest.StashKey()


def campaign_of(config: pytest.Config) -> Campaign:
    """The campaign of this pytest process, made on first use."""
    if _CAMPAIGN not in config.stash:
        config.stash[_CAMPAIGN] = Campaign(resources_of(config))
    return config.stash[_CAMPAIGN]
