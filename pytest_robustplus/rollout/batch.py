"""Many scenes of one process that step together, as on a graphics card, and one policy for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from pytest_robustplus.benchmarks.contract import Scenes, Task
from pytest_robustplus.errors import BadInputError, PolicyError, RobustnessError, SimulatorError, blaming
from pytest_robustplus.policies.contract import Actions, Observation, Policy, Privileged, begin
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import Finish, finished, horizon, placed
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.rollout.limit import limited


@dataclass(slots=True)
class _Playing:
    """An episode under way in a scene."""

    ticket: int
    task: Task
    horizon: int
    settling: int
    began: float
    instruction: str = ""
    chunk: list[Actions] = field(default_factory=list)
    executed: list[Actions] = field(default_factory=list)
    looks: int = 0
    simulator_s: float = 0.0
    policy_s: float = 0.0


class Batch:
    """Plays as many tasks at once as there are scenes; the policy answers all observations of a step together.

    Scenes that play at a time are of one base task, the next base begins when they are through. A task begins when
    chunks do, so that all look at the same steps and a picture is rarely drawn in vain. An episode's ``simulator_s``
    and ``policy_s`` are the seconds of the calls that were made while it played. What a simulator or the policy raises
    ends every episode at hand. Not safe to share between threads.
    """

    def __init__(
        self, scenes: Scenes, policy: Policy, profile: Profile, *, limit: float | None = None, expendable: bool = False
    ) -> None:
        """Take how many seconds a step may last; for ``expendable`` see ``limit.limited``."""
        self._scenes, self._policy, self._profile = scenes, policy, profile
        self._limit, self._expendable = limit, expendable
        self._waiting: list[tuple[int, Task]] = []
        self._playing: dict[int, _Playing] = {}
        self._ticks = 0
        self.pieces = 0  # scenes that step together prepare nothing

    @property
    def free(self) -> int:
        return self._scenes.count - len(self._playing) - len(self._waiting)

    def start(self, ticket: int, task: Task) -> None:
        self._waiting.append((ticket, task))

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        until = perf_counter() + timeout
        outcomes: list[EpisodeResult] = []
        while not outcomes and (self._playing or self._waiting) and perf_counter() < until:
            try:
                outcomes += self._tick()
            except BadInputError:
                self._playing.clear()
                raise
            except (SimulatorError, PolicyError) as error:
                outcomes += [EpisodeResult(playing.ticket, error=error) for playing in self._playing.values()]
                self._playing.clear()
                self._scenes.close()
        return outcomes

    def abandon(self, tickets: Collection[int] | None = None) -> None:
        if tickets is None:
            self._waiting.clear()
            self._playing.clear()
            return
        self._waiting = [entry for entry in self._waiting if entry[0] not in tickets]
        for scene in [scene for scene, playing in self._playing.items() if playing.ticket in tickets]:
            del self._playing[scene]

    def close(self) -> None:
        self.abandon()
        self._scenes.close()

    def _tick(self) -> list[EpisodeResult]:
        """Let every scene make one step."""
        if not self._playing or self._ticks % self._profile.replan == 0:
            self._ticks = 0
            self._admit()
        self._ticks += 1
        asking = [scene for scene, playing in self._playing.items() if not playing.settling and not playing.chunk]
        if asking:
            self._answer(asking)
        actions = {scene: self._action(playing) for scene, playing in self._playing.items()}
        render = any(not playing.chunk for playing in self._playing.values())
        with self._simulating("Stepping"):
            reached = self._scenes.step(actions, render=render)
        over = [
            scene
            for scene, playing in self._playing.items()
            if playing.executed and (scene in reached or len(playing.executed) == playing.horizon)
        ]
        return [self._finish(scene, success=scene in reached) for scene in over]

    def _admit(self) -> None:
        """Begin the tasks that wait and are of the base at hand."""
        if not self._waiting:
            return
        current = next((playing.task.base for playing in self._playing.values()), self._waiting[0][1].base)
        empty = (scene for scene in range(self._scenes.count) if scene not in self._playing)
        chosen = [entry for entry in self._waiting if entry[1].base == current]
        begun = dict(zip(empty, chosen, strict=False))
        if not begun:
            return
        self._waiting = [entry for entry in self._waiting if entry not in begun.values()]
        now = perf_counter()
        for scene, (ticket, task) in begun.items():
            steps = horizon(self._profile, task)
            self._playing[scene] = _Playing(ticket, task, steps, self._profile.settle_steps, now)
        with self._simulating("Resetting the scenes"):
            told = self._scenes.reset({scene: task for scene, (_, task) in begun.items()})
        for scene, instruction in told.items():
            self._playing[scene].instruction = instruction

    def _answer(self, asking: Sequence[int]) -> None:
        """Let the policy answer all scenes that have no action left."""
        with self._simulating("Looking"):
            seen = self._scenes.observe(asking)
        observations: list[Observation] = []
        with self._asked("Resetting the policy", asking):
            for scene, observation in zip(asking, seen, strict=True):
                playing = self._playing[scene]
                if not playing.looks:
                    task = playing.task
                    begin(self._policy, scene, playing.instruction, suite=task.suite, task=task.base)
                    if isinstance(self._policy, Privileged):
                        self._policy.attach(scene, self._scenes.view(scene))
                playing.looks += 1
                observations.append(placed(observation, len(playing.executed), scene))
        with self._asked("The policy", asking):
            answers = self._policy.act(observations)
        for scene, answer in zip(asking, answers, strict=True):
            self._playing[scene].chunk = list(answer[: self._profile.replan])

    def _action(self, playing: _Playing) -> Actions:
        if playing.settling:
            playing.settling -= 1
            return np.asarray(self._profile.settle_action)
        action = playing.chunk.pop(0)
        playing.executed.append(action)
        return action

    def _finish(self, scene: int, *, success: bool) -> EpisodeResult:
        with self._simulating("Hashing the state"):
            state_hash = self._scenes.state_hash(scene)
        playing = self._playing.pop(scene)
        finish = Finish(
            success,
            len(playing.executed),
            playing.looks,
            playing.simulator_s,
            state_hash,
            np.stack(playing.executed),
        )
        seconds = perf_counter() - playing.began
        episode = finished(finish, playing.instruction, playing.looks, playing.policy_s, seconds)
        return EpisodeResult(playing.ticket, episode, self._scenes.provenance())

    @contextmanager
    def _simulating(self, doing: str) -> Iterator[None]:
        """Time what the simulator does, for all that play; its exceptions become its faults."""
        start = perf_counter()
        with self._blaming(SimulatorError, doing):
            yield
        for playing in self._playing.values():
            playing.simulator_s += perf_counter() - start

    @contextmanager
    def _asked(self, doing: str, asking: Sequence[int]) -> Iterator[None]:
        start = perf_counter()
        with self._blaming(PolicyError, doing):
            yield
        for scene in asking:
            self._playing[scene].policy_s += perf_counter() - start

    @contextmanager
    def _blaming(self, blame: type[RobustnessError], doing: str) -> Iterator[None]:
        first = next((playing.task.name for playing in self._playing.values()), "")
        names = f"{first} and {len(self._playing) - 1} more at once" if len(self._playing) > 1 else first
        with blaming(blame, doing, names), limited(self._limit, names, expendable=self._expendable):
            yield
