"""Who plays for a campaign, beside what was given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from toy import Toy, pytest_robustplus_models

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.evaluation.players import LocalPlayers
from pytest_robustplus.rollout.executor import EpisodeResult, Stage
from pytest_robustplus.session.cells import Subject


class Full:
    """An executor whose simulators still play what others have given up, until it is waited for."""

    pieces = 0

    def __init__(self) -> None:
        self.free = 0
        self.started: list[int] = []

    def start(self, ticket: int, task: Task) -> None:
        assert self.free, "nothing is free"
        self.started.append(ticket)

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        self.free = 1
        return []

    def abandon(self, tickets: Collection[int] | None = None) -> None: ...

    def close(self) -> None: ...


def test_what_was_given_up_leaves_its_simulators_to_the_next_question() -> None:
    executor = Full()
    stage = Stage(executor, executor.start)
    players = LocalPlayers(
        2, lambda found: [stage] * len(found), lambda *_: True, alone=lambda _: False, loaded=lambda _: True
    )
    toy = Toy({})
    subject = Subject(next(iter(pytest_robustplus_models())), toy, toy.suites)
    players.prepare([subject])
    players.start(7, subject, subject.tasks()[0])
    assert executor.started == [7]
