"""Searches as questions of the campaign: what each plays next depends on what came of its last episode."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.campaign import Move, Standing, campaign_of
from pytest_robustplus.evaluation.players import EACH
from pytest_robustplus.evaluation.positions import Positions
from pytest_robustplus.evaluation.resources import Resources
from pytest_robustplus.evaluation.stack import Stack, current
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import POLL_S

Result = TypeVar("Result")


@dataclass(slots=True)
class Episodes:
    """What a process knows of the episodes of one model under one perturbation: outcomes, and what broke them off."""

    subject: Subject
    positions: Positions
    known: dict[int, bool]
    broken: dict[int, RobustnessError] = field(default_factory=dict)


class Wanted(NamedTuple):
    """An episode that a search waits for."""

    episodes: Episodes
    number: int


class Search(Generic[Result]):
    """Something that asks for episodes, one after the other, and comes to a result.

    It runs on a stack of its own, so that several searches, cells and comparisons are at play at once. What it does
    between two episodes is done while nothing else is.
    """

    def __init__(self, resources: Resources, subjects: Sequence[Subject], work: Callable[[], Result]) -> None:
        self._session = resources.session
        self._stacks, self._stack = resources.stacks, Stack(work)
        self.subjects = subjects
        self._wanted: Wanted | None = None
        self._begun = self._mine = False
        self._looked = 0.0

    @property
    def key(self) -> object:
        """No other question is the same."""
        return id(self)

    def decide(self) -> Result:
        """Play until it has come to its result; raises what it raises."""
        if not self._stack.over:
            try:
                campaign_of(self._session.config).decide(self)
            finally:
                self._session.progress.end()
        return self._stack.result

    def decided(self) -> int | None:
        """Nothing of it is a prefix: 0 once it is over."""
        self._go_on()
        return 0 if self._stack.over else None

    def next(self, *, first: bool) -> Move | None:
        """Claim the episode that it waits for."""
        return self.offer(lambda _: True, 1.0)

    def offer(self, room: Callable[[Subject], bool], chance: float) -> Move | None:
        """Claim the episode that it waits for, unless somebody plays it already."""
        self._go_on()
        wanted = self._wanted
        if wanted is None or self._mine or not room(wanted.episodes.subject):
            return None
        if not wanted.episodes.positions.claim_one(wanted.number):
            self._look()
            return None
        self._mine = True
        return Move(wanted.episodes.subject, wanted.number)

    def standing(self, chance: float) -> Standing | None:
        """One episode at a time; another search of the same model may be playing that one."""
        self._go_on()
        if self._wanted is None:
            return None
        return Standing(int(self._wanted.episodes.positions.has(self._wanted.number)), 1)

    def expected(self) -> int:
        """As many as one simulator is worth: it plays one at a time."""
        return EACH

    def holds(self, move: Move) -> bool:
        """All that follows waits for it."""
        return True

    def inherit(self, moves: Collection[Move]) -> None:
        """What is at play for it is its own already."""

    def leave(self) -> None:
        """Give back what is claimed for it."""
        if self._mine and self._wanted is not None:
            self._wanted.episodes.positions.give_back(self._wanted.number)
        self._mine = False

    def give_back(self, move: Move) -> None:
        """The same: there is but one."""
        self.leave()

    def task(self, move: Move) -> Task:
        """What is played."""
        assert self._wanted is not None
        return self._wanted.episodes.positions.task(move.position)

    def take(self, move: Move, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of it; a fault that stays is raised within the search."""
        wanted = self._wanted
        assert wanted is not None
        try:
            if not wanted.episodes.positions.take(move.position, started, outcome):
                return False
        except RobustnessError as error:
            wanted.episodes.positions.give_back(move.position)
            wanted.episodes.broken[wanted.number] = error
        else:
            assert outcome.episode is not None
            wanted.episodes.known[wanted.number] = outcome.episode.success
        self._mine = False
        return True

    def _go_on(self) -> None:
        """Let it run until it waits for an episode of which nothing has come yet."""
        if self._mine or self._stack.over:
            return
        if not self._begun:
            self._begun = True
            self._stacks.add(self._stack)
            self._hear(self._stack.resume())
        while self._wanted is not None:
            episodes, number = self._wanted
            if number in episodes.broken:
                self._hear(self._stack.resume(error=episodes.broken[number]))
            elif number in episodes.known:
                self._hear(self._stack.resume(episodes.known[number]))
            elif self._session.spread and time.monotonic() > self._looked + POLL_S:
                self._look()
            else:
                return
        self._stacks.discard(self._stack)

    def _hear(self, asked: Any) -> None:
        """Do at once what is no episode."""
        while callable(asked):
            try:
                answer = asked()
            except RobustnessError as error:
                asked = self._stack.resume(error=error)
            else:
                asked = self._stack.resume(answer)
        self._wanted = asked

    def _look(self) -> None:
        """Learn what others have played."""
        self._looked = time.monotonic()
        if self._wanted is None:
            return
        episodes, number = self._wanted
        if self._session.spread:
            episodes.positions.count_losses()
        episodes.known.update(self._session.ledger.outcomes(episodes.positions.audit))
        try:
            episodes.positions.refuse_unplayable(number)
        except RobustnessError as error:
            episodes.broken[number] = error


def play(resources: Resources, episodes: Episodes, numbers: Sequence[int]) -> list[bool]:
    """What comes of some episodes, one after the other; raises what makes one unplayable."""

    def work() -> list[bool]:
        return [ask(Wanted(episodes, number)) for number in numbers]

    return Search(resources, (episodes.subject,), work).decide()


def ask(wanted: Wanted) -> bool:
    """What comes of an episode; for who runs on the stack of a search."""
    known, stack = wanted.episodes.known, current()
    if wanted.number in known:
        return known[wanted.number]
    assert stack is not None
    return bool(stack.ask(wanted))
