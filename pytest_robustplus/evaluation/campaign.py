"""One owner of all open questions of a process: what leaves a simulator idle gives another its next episode."""

from __future__ import annotations

import heapq
import itertools
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, nullcontext, suppress
from typing import NamedTuple, Protocol, TypeVar

import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import RobustnessError
from pytest_robustplus.evaluation.players import Players
from pytest_robustplus.evaluation.recorder import now
from pytest_robustplus.evaluation.resources import Resources, resources_of
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import Subject
from pytest_robustplus.session.session import POLL_S

# Which questions there are is asked so often while several are at play.
REFRESH_S = 0.5
Result = TypeVar("Result")
# A position that all others of its question wait for is played a second time once it is overdue by so much.
OVERDUE = 3.0
# Durations of finished episodes that say what is usual.
USUAL, FEWEST = 200, 8
# How sure it is that a question is answered by where it is played to: where workers of one simulator each share it; of
# several simulators; of those among them that would idle. With one half for all, a question whose answer moves away as
# it is played trickles on, at last alone: `perf/cluster.py --point=512 --runs=5` was at 89.9 % in the place of 95 %.
EVEN, LIKELY, SAFELY = 0.5, 0.7, 0.9


class Standing(NamedTuple):
    """How a question stands: positions handed out beyond the prefix, and how many of those its answer still takes."""

    flying: int
    needed: int

    @property
    def share(self) -> float:
        """What of the need is at play; at 1 and above, more would likely be played in vain."""
        return self.flying / max(self.needed, 1)


class Move(NamedTuple):
    """One episode of a question: who plays it, and at which place of an order of tasks."""

    subject: Subject
    position: int


Fits = Callable[[Sequence[Subject]], bool]
"""Whether these can be played now, side by side."""


class Question(Protocol):
    """What episodes are played for: moves, handed out one by one to whoever has a simulator free."""

    @property
    def subjects(self) -> Sequence[Subject]:
        """Whose policies play, on which benchmark."""
        ...

    @property
    def key(self) -> object:
        """Equal for questions whose episodes are the same."""
        ...

    def decided(self) -> int | None:
        """How many episodes the verdict needed, once it is known; raises what makes it unknowable."""
        ...

    def next(self, *, first: bool) -> Move | None:
        """Claim the next move for who decides the question; ``first`` when nothing else is at play for it here."""
        ...

    def offer(self, room: Callable[[Subject], bool], chance: float) -> Move | None:
        """Claim the next move of whom there is ``room`` for, among those after which it is answered with a ``chance``.

        For who helps. None while nothing is free, or when nobody needs help any more.
        """
        ...

    def standing(self, chance: float) -> Standing | None:
        """How much is at play, and how much answers it with a ``chance``; None when it is decided or given up.

        Raises as ``decided``.
        """
        ...

    def expected(self) -> int:
        """How many more episodes it is likely to take."""
        ...

    def holds(self, move: Move) -> bool:
        """Whether all that follow wait for a move that is at play."""
        ...

    def inherit(self, moves: Collection[Move]) -> None:
        """Take over from whoever played ahead for it here: these moves are at play, and nothing else is claimed."""
        ...

    def give_back(self, move: Move) -> None:
        """Leave a claimed move to whoever comes."""
        ...

    def leave(self) -> None:
        """Give back whatever is claimed for it here."""
        ...

    def task(self, move: Move) -> Task:
        """What is played."""
        ...

    def take(self, move: Move, started: str, outcome: EpisodeResult) -> bool:
        """Record what came of it; False when it is to be played once more. Raises what makes it unplayable."""
        ...


class _Playing(NamedTuple):
    question: Question
    move: Move
    started: str
    since: float


def nothing(besides: Question | None, fits: Fits) -> Iterable[Question]:
    """No other questions."""
    return ()


class Campaign:
    """What one process plays: the question that its item waits for, and any other that is open while a simulator idles.

    A process with one simulator plays its own question first. One with several gives each to the question with the
    least at play for what it still needs, its own among them, so that none waits for the last episodes of another;
    what nobody needs plays on where an answer may turn out to be farther away.
    ``others`` names those others besides the first; they are built as late as they are needed. What goes wrong with
    another's question is counted in ``unable``: whoever decides it will meet it, too.
    """

    def __init__(self, resources: Resources, players: Players | None = None) -> None:
        self._session = resources.session
        self.players = players or resources.players()
        self.others: Callable[[Question | None, Fits], Iterable[Question]] = nothing
        self.unable: Counter[str] = Counter()
        self._given_up: set[int] = set()
        self._tickets = itertools.count()
        self._playing: dict[int, _Playing] = {}
        # Episodes to be played once more; claimed still.
        self._again: list[tuple[Question, Move]] = []
        # The lease of the machine, held while anything is at play here.
        self._seat = ExitStack()
        self._open: tuple[float, Question | None, list[Question]] = (0.0, None, [])
        self._barren: dict[tuple[int, float], float] = {}
        # Decided and being reported: nothing more is to be played for it.
        self._besides: Question | None = None
        # Which look at what is open has been widened already.
        self._widened = 0.0
        # The open questions by what of their need is at play, while simulators are being given something; how sure it
        # is to be what they need.
        self._ranking: list[tuple[float, int, Question]] | None = None
        self._chance = LIKELY
        self._lasted: deque[float] = deque(maxlen=USUAL)
        # Of finished episodes of a question how many there are, and the seconds that they lasted; None: of all.
        self._finished: dict[object, tuple[int, float]] = {}
        self._hedged: set[int] = set()

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, as the players count them."""
        return self.players.clock

    def decide(self, question: Question) -> int:
        """Play until a question is decided, and say how many episodes that needed; raises what made it unplayable."""
        if self._playing and not self._fits(question, question.subjects):
            self.leave()
        self._adopt(question)
        self._open = (0.0, None, [])
        try:
            while (played := question.decided()) is None:
                self._turn(question, lambda: time.sleep(POLL_S))
        except BaseException:
            self.leave()
            raise
        # What is at play for others goes on while pytest reports this one and begins the next.
        self._drop(question)
        if not self.players.several:
            self.leave()
        return played

    def help(self, until: Callable[[], bool], idle: Callable[[], None] = lambda: time.sleep(POLL_S)) -> None:
        """Play for others until there is something else to do; what to do while nothing is free is ``idle``."""
        try:
            while not until():
                self._turn(None, idle)
        finally:
            self.leave()

    def meanwhile(self, question: Question, work: Callable[[], Result]) -> Result:
        """Return what comes of ``work`` about a decided question; several simulators play for others meanwhile.

        It may read the ledger, as threads may, and plays nothing.
        """
        if not self.players.several:
            return work()
        self._besides = question
        try:
            with ThreadPoolExecutor(1, "robustplus-report") as thread:
                done = thread.submit(work)
                while not done.done():
                    self._turn(None, lambda: _until(done))
            return done.result()
        except BaseException:
            self.leave()
            raise
        finally:
            self._besides = None

    def leave(self) -> None:
        """Give back all that was claimed: who gives up on an episode must not keep others waiting for it."""
        if not (self._playing or self._again or self._open[2]):
            return
        self.players.abandon(self._playing)
        questions = [playing.question for playing in self._playing.values()]
        for question in {id(q): q for q in [*questions, *(q for q, _ in self._again), *self._open[2]]}.values():
            question.leave()
        self._playing.clear()
        self._again.clear()
        self._hedged.clear()
        self._open = (0.0, None, [])
        self._seat.close()
        self._session.ledger.release(self._session.claimant)

    def _adopt(self, own: Question) -> None:
        """Let what is at play for the question already count for it."""
        mine = [ticket for ticket, playing in self._playing.items() if playing.question.key == own.key]
        for ticket in mine:
            self._playing[ticket] = self._playing[ticket]._replace(question=own)
        self._again = [(own if question.key == own.key else question, move) for question, move in self._again]
        waiting = [move for question, move in self._again if question is own]
        own.inherit([*(self._playing[ticket].move for ticket in mine), *waiting])

    def _drop(self, question: Question) -> None:
        """Give up what is still at play for a question that is decided."""
        mine = [ticket for ticket, playing in self._playing.items() if playing.question is question]
        if mine:
            self.players.abandon(mine)
        for ticket in mine:
            del self._playing[ticket]
        self._again = [(other, move) for other, move in self._again if other is not question]
        question.leave()
        if not self._playing:
            self._seat.close()

    def _give_up(self, question: Question, error: RobustnessError) -> None:
        """Help with a question no more."""
        self._given_up.add(id(question))
        self.unable[str(error)] += 1

    def _turn(self, own: Question | None, idle: Callable[[], None]) -> None:
        """Give every idle simulator something to play, and take what came of what was played."""
        self._hand_out(own)
        self._session.progress.update()
        if not self._playing:
            idle()
            return
        pieces = self.players.pieces
        self._take_all(self.players.wait(POLL_S), own)
        if self.players.pieces > pieces:
            self._session.ledger.heartbeat(self._session.claimant)

    def _hand_out(self, own: Question | None) -> None:
        self._chance = LIKELY if self.players.several else EVEN
        if self._give(own) and self.players.several:
            self._hedge()
            self._chance = SAFELY
            self._give(own)

    def _give(self, own: Question | None) -> bool:
        """Give simulators something to play; whether any is left that finds nothing."""
        self._ranking = None
        while not self._playing or self.players.free:
            if self._playing and self._session.lease.wanted():
                return False
            found = self._next(own)
            if found is None:
                return True
            question, move = found
            try:
                self.players.prepare(question.subjects)
            except RobustnessError as error:
                if question is own:
                    raise
                question.give_back(move)
                self._give_up(question, error)
                continue
            if not self._playing:
                self._seat.enter_context(self._session.lease.shared())
            ticket = next(self._tickets)
            self._playing[ticket] = _Playing(question, move, now(), self.clock())
            self.players.start(ticket, move.subject, question.task(move))
        return False

    def _next(self, own: Question | None) -> tuple[Question, Move] | None:
        """What to play next: what is to be played once more, what this process decides, what others need."""
        for place, (question, move) in enumerate(self._again):
            if self._fits(own, question.subjects) and self._room(move.subject):
                del self._again[place]
                return question, move
        if self.players.several:
            return self._neediest(own)
        if own is not None:
            if not self._fits(own, own.subjects):
                return None
            first = all(playing.question is not own for playing in self._playing.values())
            if (claimed := own.next(first=first)) is not None:
                return own, claimed
        return self._help(own)

    def _fits(self, own: Question | None, subjects: Sequence[Subject]) -> bool:
        return self.players.beside(() if own is None else own.subjects, subjects)

    def _room(self, subject: Subject) -> bool:
        return not self._playing or self.players.room(subject)

    def _help(self, own: Question | None) -> tuple[Question, Move] | None:
        for question in self.others(own or self._besides, lambda subjects: self._fits(own, subjects)):
            if not self._fits(own, question.subjects) or id(question) in self._given_up:
                continue
            try:
                move = question.offer(self._room, self._chance)
            except RobustnessError as error:
                self._give_up(question, error)
                continue
            if move is not None:
                return question, move
        return None

    def _neediest(self, own: Question | None) -> tuple[Question, Move] | None:
        """The next move of the question with the least at play for what it still needs."""
        if self._ranking is None:
            self._ranking = []
            if not self._playing:
                self.players.expect(sum(question.expected() for question in self._candidates(own)))
            for place, question in enumerate(self._candidates(own)):
                self._rank(place, question, own)
        while self._ranking:
            _, place, question = heapq.heappop(self._ranking)
            if not any(map(self._room, question.subjects)):
                continue
            try:
                move = question.offer(self._room, self._chance)
            except RobustnessError as error:
                if question is own:
                    raise
                self._give_up(question, error)
                continue
            if move is not None:
                self._rank(place, question, own)
                return question, move
            self._barren[id(question), self._chance] = self.clock() + POLL_S
        if own is not None and self._fits(own, own.subjects):
            first = all(playing.question is not own for playing in self._playing.values())
            if first and (move := own.next(first=True)) is not None:
                return own, move
        # Another model's policy costs memory, and is not loaded before simulators have nothing else to do.
        if self._widen(own):
            return self._neediest(own)
        return None

    def _widen(self, own: Question | None) -> bool:
        """Open one more question, of a model whose policy is not at hand; whether there was any."""
        until, whose, known = self._open
        if self._widened == until:
            return False
        self._widened = until
        others = self.others(
            own or self._besides,
            lambda subjects: self._fits(own, subjects) and not all(map(self.players.at_hand, subjects)),
        )
        another = next((question for question in others if question not in known), None)
        if another is None:
            return False
        self._open = until, whose, [*known, another]
        self._share()
        assert self._ranking is not None
        self._rank(len(known), another, own)
        return bool(self._ranking)

    def _rank(self, place: int, question: Question, own: Question | None) -> None:
        """Put a question that more can be played for among the others."""
        assert self._ranking is not None
        barren = self._barren.get((id(question), self._chance), 0.0) > self.clock()
        if barren or id(question) in self._given_up:
            return
        try:
            standing = question.standing(self._chance)
        except RobustnessError as error:
            if question is own:
                raise
            self._give_up(question, error)
            return
        if standing is not None and standing.flying < standing.needed:
            # What lasts longest is kept for the end, when nobody can know who will be at play last: there it leaves the
            # fewest simulators idle (4,096 of them 0.4 % less of a full run).
            heapq.heappush(self._ranking, (standing.share * self._seconds(question), place, question))

    def _seconds(self, question: Question) -> float:
        """How long an episode of a question lasts: as one of any, until some have been seen."""
        (seen, spent), (every, all_spent) = (self._finished.get(key, (0, 0.0)) for key in (question.key, None))
        usual = all_spent / every if every else 1.0
        return (spent + FEWEST * usual) / (seen + FEWEST)

    def _candidates(self, own: Question | None) -> list[Question]:
        """All questions that can be played beside what is at play, this process' own first."""
        until, whose, known = self._open
        if whose is own and until > self.clock():
            return known
        mine = [own] if own is not None and self._fits(own, own.subjects) else []
        found = self.others(
            own or self._besides,
            lambda subjects: self._fits(own, subjects) and all(map(self.players.at_hand, subjects)),
        )
        others = [question for question in found if self._fits(own, question.subjects)]
        at_play = {id(playing.question) for playing in self._playing.values()}
        for question in known:
            if question is not own and question not in others and id(question) not in at_play:
                # It is over, and so are its claims.
                question.leave()
        self._open = (self.clock() + REFRESH_S, own, [*mine, *others])
        self._share()
        return self._open[2]

    def _share(self) -> None:
        self.players.share([subject for question in self._open[2] for subject in question.subjects])

    def _hedge(self) -> None:
        """Play a second time what others wait for and is overdue, where a simulator has nothing else to do."""
        if not self.players.several or len(self._lasted) < FEWEST:
            return
        overdue = self.clock() - OVERDUE * statistics.median(self._lasted)
        for ticket, playing in self._playing.items():
            if not self.players.free:
                return
            late = playing.since < overdue and ticket not in self._hedged
            if late and playing.question.holds(playing.move) and self.players.hedge(ticket):
                self._hedged.add(ticket)

    def _take_all(self, outcomes: Sequence[EpisodeResult], own: Question | None) -> None:
        """Record what came of episodes, many in one transaction; raises what makes the process' own question fail."""
        raised: RobustnessError | None = None
        touched = list({id(q): q for q in (self._playing[outcome.ticket].question for outcome in outcomes)}.values())
        with self._session.ledger.together() if len(outcomes) > 1 else nullcontext():
            for outcome in outcomes:
                try:
                    self._take(outcome, own)
                except RobustnessError as error:
                    raised = raised or error
        for question in [question for question in touched if question is not own]:
            self._end(question)
        if raised is not None:
            raise raised

    def _end(self, question: Question) -> None:
        """Give up what is at play for another's question once it is decided: its simulators are wanted elsewhere."""
        if any(playing.question is question for playing in self._playing.values()):
            # What makes it unknowable is said by who decides it.
            with suppress(RobustnessError):
                if question.decided() is not None:
                    self._drop(question)

    def _take(self, outcome: EpisodeResult, own: Question | None) -> None:
        question, move, started, since = self._playing.pop(outcome.ticket)
        self._hedged.discard(outcome.ticket)
        if outcome.error is None:
            lasted = self.clock() - since
            self._lasted.append(lasted)
            for key in (question.key, None):
                seen, spent = self._finished.get(key, (0, 0.0))
                self._finished[key] = seen + 1, spent + lasted
        try:
            finished = question.take(move, started, outcome)
        except RobustnessError as error:
            if question is own:
                raise
            question.give_back(move)
            self._give_up(question, error)
            finished = True
        finally:
            if not self._playing:
                self._seat.close()
        if not finished:
            self._again.append((question, move))


def _until(done: Future[Result]) -> None:
    wait([done], POLL_S)


_CAMPAIGN: pytest.StashKey[Campaign] = pytest.StashKey()


def campaign_of(config: pytest.Config) -> Campaign:
    """The campaign of this pytest process, made on first use."""
    if _CAMPAIGN not in config.stash:
        config.stash[_CAMPAIGN] = Campaign(resources_of(config))
    return config.stash[_CAMPAIGN]


def rest(config: pytest.Config) -> None:
    """Leave nothing at play: something else needs the machine, or the run is over."""
    if _CAMPAIGN in config.stash:
        config.stash[_CAMPAIGN].leave()
