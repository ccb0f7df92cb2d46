"""Who gets the next free simulator, with players on a clock of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from pytest_robustplus.evaluation.campaign import LIKELY, SAFELY, Campaign, Move, Standing
from pytest_robustplus.rollout.executor import EpisodeResult


class Players:
    """Plays whatever is begun, ten seconds each, or as long as is said of the subject or of the episode."""

    several, pieces = True, 0

    def __init__(self, simulators: int) -> None:
        self.simulators, self.now = simulators, 0.0
        self.playing: dict[int, float] = {}
        self.seconds: dict[Any, float] = {}
        self.begun: list[str] = []

    @property
    def clock(self) -> Callable[[], float]:
        return lambda: self.now

    @property
    def free(self) -> int:
        return self.simulators - len(self.playing)

    def beside(self, own: object, subjects: object) -> bool:
        return True

    at_hand = room = lambda self, subject: True
    expect = share = prepare = lambda self, what: None

    def start(self, ticket: int, subject: Any, task: Any) -> None:
        self.playing[ticket] = self.now + self.seconds.get(f"{subject}{task}", self.seconds.get(subject, 10.0))
        self.begun.append(f"{subject}{task}")

    def hedge(self, ticket: int) -> bool:
        self.begun.append(f"{ticket} again")
        return False

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        ticket = min(self.playing, key=self.playing.__getitem__)
        self.now = self.playing.pop(ticket)
        return [EpisodeResult(ticket)]

    def abandon(self, tickets: Collection[int]) -> None:
        for ticket in tickets:
            del self.playing[ticket]


class Counting:
    """Answered after so many episodes; ``reach`` says how far it is played for, by the chance that this answers it."""

    def __init__(self, name: str, answered: int, reach: dict[float, int]) -> None:
        self.subjects: Any = (name,)
        self.key, self.answered, self.reach = name, answered, reach
        self.ahead = self.finished = 0

    def decided(self) -> int | None:
        return self.answered if self.finished >= self.answered else None

    def standing(self, chance: float) -> Standing | None:
        if self.decided() is not None:
            return None
        return Standing(self.ahead - self.finished, self.reach[chance] - self.finished)

    def offer(self, room: object, chance: float) -> Move | None:
        return self.next(first=False) if self.ahead < self.reach[chance] else None

    def next(self, *, first: bool) -> Move | None:
        self.ahead += 1
        return Move(self.key, self.ahead - 1)  # type: ignore[arg-type]

    def take(self, move: Move, started: str, outcome: EpisodeResult) -> bool:
        self.finished += 1
        return True

    def task(self, move: Move) -> int:
        return move.position

    expected = lambda self: 1  # noqa: E731
    holds = lambda self, move: True  # noqa: E731
    inherit = give_back = lambda self, moves: None
    leave = lambda self: None  # noqa: E731


def campaign(simulators: int, *others: Counting) -> tuple[Any, Players]:
    """One of so many simulators, for which these questions are open besides."""
    quiet: Callable[..., None] = lambda *_: None  # noqa: E731
    session = SimpleNamespace(
        ledger=SimpleNamespace(release=quiet, heartbeat=quiet, together=nullcontext),
        lease=SimpleNamespace(wanted=quiet, shared=nullcontext),
        progress=SimpleNamespace(update=quiet),
        claimant="one",
    )
    players = Players(simulators)
    found: Any = Campaign(SimpleNamespace(session=session), players)  # type: ignore[arg-type]
    found.others = lambda besides, fits: others
    return found, players


def test_simulators_that_would_idle_play_on_where_an_answer_may_be_farther_away() -> None:
    near, far = Counting("n", 2, {LIKELY: 2, SAFELY: 3}), Counting("f", 4, {LIKELY: 4, SAFELY: 6})
    one, players = campaign(9, far)
    one._hand_out(near)
    first, then = players.begun[:6], players.begun[6:]
    assert sorted(first) == ["f0", "f1", "f2", "f3", "n0", "n1"], "what is likely needed comes first"
    assert sorted(then) == ["f4", "f5", "n2"]
    assert near.ahead + far.ahead == 9
    more = Players(20)
    one.players = more
    one._hand_out(near)
    assert more.begun == [], "what is hardly needed is not played, not even by who would idle"


def test_what_holds_a_prefix_is_played_twice_before_anything_is_played_that_may_not_be_needed() -> None:
    own = Counting("o", 4, {LIKELY: 2, SAFELY: 4})
    one, players = campaign(3)
    one._lasted.extend([1.0] * 8)
    one._hand_out(own)
    assert players.begun == ["o0", "o1", "o2"]
    players.now, players.simulators = 10.0, 4
    one._hand_out(own)
    assert players.begun[3:] == ["0 again", "1 again", "2 again", "o3"]


def test_what_is_at_play_for_an_answered_question_is_given_up_at_once() -> None:
    own, other = Counting("o", 6, {LIKELY: 6, SAFELY: 6}), Counting("x", 1, {LIKELY: 4, SAFELY: 4})
    one, players = campaign(6, other)
    players.seconds = {"x0": 9.0, "x1": 99.0}
    assert one.decide(own) == 6
    assert other.finished == 1
    assert players.begun[:6].count("x1") == 1
    assert players.now == 19.0, "all that is left of its own begins when x0 ends"


def test_what_lasts_longest_is_kept_for_the_end() -> None:
    brief, long = Counting("b", 90, {LIKELY: 90, SAFELY: 90}), Counting("l", 90, {LIKELY: 90, SAFELY: 90})
    one, players = campaign(6, long)
    players.seconds = {"b": 10.0, "l": 30.0}
    one.decide(brief)
    assert long.finished < 45, "with as much at play for what each still needs it would be 60"
