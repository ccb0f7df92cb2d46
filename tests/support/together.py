"""Toy scenes that step together, and the toy benchmark played in such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toy import Toy, ToySimulator

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile


class Together:
    """Toy simulators side by side, which see to it that only one base task is played at a time."""

    action_width = 2

    def __init__(self, count: int) -> None:
        self.count = count
        self.scenes = [ToySimulator({}) for _ in range(count)]
        self.playing: dict[int, Task] = {}
        self.steps = self.closed = 0
        self.fail_at = -1

    def reset(self, tasks: Mapping[int, Task]) -> Mapping[int, str]:
        self.playing |= tasks
        return {scene: self.scenes[scene].reset(task) for scene, task in tasks.items()}

    def step(self, actions: Mapping[int, Actions], *, render: bool) -> frozenset[int]:
        self.steps += 1
        if self.steps == self.fail_at:
            raise RuntimeError("the card fell off the bus")
        assert len({self.playing[scene].base for scene in actions}) == 1
        return frozenset(scene for scene, action in actions.items() if self.scenes[scene].step(action, render=render))

    def observe(self, scenes: Sequence[int]) -> Sequence[Observation]:
        return [self.scenes[scene].observe() for scene in scenes]

    def view(self, scene: int) -> object:
        return self.scenes[scene]

    def state_hash(self, scene: int) -> str:
        return self.scenes[scene].state_hash()

    def provenance(self) -> Mapping[str, str]:
        return {"toy": "1.0"}

    def close(self) -> None:
        self.closed += 1


class ToyTogether(Toy):
    def scenes(self, profile: Profile, protocol: Mapping[str, str], count: int) -> Together:
        return Together(count)


def pytest_robustplus_benchmarks(settings: object) -> list[Toy]:
    return [ToyTogether(settings.protocol)]  # type: ignore[attr-defined]
