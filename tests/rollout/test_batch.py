"""Scenes that step together play as one simulator after another does; what befalls one ends what plays with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from together import Together
from toy import PROFILE, Steady, Toy, ToySimulator

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import PolicyError, SimulatorError
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.episode import Episode, play
from pytest_robustplus.rollout.executor import EpisodeResult

TASKS = Toy({}).tasks()[:60]


class Harder(Steady):
    """Pushes harder at every look, as hard at first as its instruction is long; told apart by the slot."""

    def __init__(self) -> None:
        super().__init__(0.5)
        self.batches: list[int] = []
        self.told: dict[int, str] = {}

    def reset(self, slot: int, instruction: str) -> None:
        self.told[slot] = instruction

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.batches.append(len(observations))
        return [np.full((4, 2), len(self.told[seen.slot]) % 7 / 10 + seen.step / 7) for seen in observations]


def played(batch: Batch, tasks: Sequence[Task]) -> dict[str, EpisodeResult]:
    found: dict[str, EpisodeResult] = {}
    waiting = list(enumerate(tasks))
    while len(found) < len(tasks):
        while batch.free and waiting:
            batch.start(*waiting.pop(0))
        found |= {tasks[outcome.ticket].name: outcome for outcome in batch.wait(10.0)}
    return found


def summary(episode: Episode | None) -> tuple[object, ...]:
    assert episode is not None
    said = (episode.success, episode.steps, episode.looks, episode.inferences, episode.state_hash, episode.instruction)
    return (*said, episode.actions.tolist())


@pytest.mark.parametrize("count", [1, 7, 100])
def test_every_episode_is_what_it_is_alone(count: int) -> None:
    together, policy = Together(count), Harder()
    found = played(Batch(together, policy, PROFILE), TASKS)
    alone = {task.name: play(ToySimulator({}), Harder(), task, PROFILE) for task in TASKS}
    assert {name: summary(outcome.episode) for name, outcome in found.items()} == {
        name: summary(episode) for name, episode in alone.items()
    }
    assert {outcome.episode.success for outcome in found.values() if outcome.episode} == {True, False}
    if count == 100:
        assert max(policy.batches) == 12, "as many tasks are of one base"


def test_tasks_begin_when_all_look() -> None:
    together, policy = Together(3), Harder()
    played(Batch(together, policy, PROFILE), [task for task in TASKS if task.base == "base_0"])
    # With a chunk of two actions and a settling step, every other step is looked at.
    assert len(policy.batches) <= together.steps / PROFILE.replan + 1


def test_a_fault_of_the_simulator_ends_every_episode_at_hand_and_makes_new_scenes() -> None:
    together = Together(4)
    batch = Batch(together, Steady(0.5), PROFILE)
    together.fail_at = 2
    first = played(batch, [task for task in TASKS if task.base == "base_1"][:4])
    assert all(isinstance(outcome.error, SimulatorError) for outcome in first.values())
    assert "the card fell off the bus" in str(next(iter(first.values())).error)
    assert together.closed == 1
    assert all(outcome.episode is not None for outcome in played(batch, TASKS[:4]).values())


def test_a_fault_of_the_policy_is_told_as_one() -> None:
    class Raises(Steady):
        def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
            raise ValueError("CUDA error: out of memory")

    found = played(Batch(Together(2), Raises(0.5), PROFILE), TASKS[:2])
    assert all(isinstance(outcome.error, PolicyError) for outcome in found.values())


def test_nothing_comes_of_what_was_abandoned() -> None:
    batch = Batch(Together(2), Steady(0.0), PROFILE)
    batch.start(0, TASKS[0])
    batch.start(1, TASKS[1])
    before = batch.free
    batch.abandon()
    assert (before, batch.free) == (0, 2)
    assert not batch.wait(0.01)
