"""ManiSkill3 on a card: hundreds of scenes of one task that step together, placed as one scene on a processor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.maniskill.catalogue import TOGETHER
from pytest_robustplus.benchmarks.maniskill.episodes import facts, noisy, renderer, told
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Actions, Observation

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.maniskill.world import World

# Changing these takes other meshes and lights in every scene, which the scenes of a card share.
_SHARED = (Dimension.CAMERA, Dimension.LIGHT, Dimension.BACKGROUND)


@dataclass(slots=True)
class _Episode:
    task: Task
    instruction: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """One scene of a world, for a script that reads it."""

    task: Task
    protocol: ManiSkillProtocol
    world: Any
    scene: int


class ManiSkillScenes:
    """Many scenes of one ManiSkill task; made anew when a task of another base begins.

    A card draws other random numbers than a processor, so every placement is drawn by a single scene on the processor
    and copied: a seed begins in the same state wherever it is played. How it goes on agrees in distribution only.
    """

    def __init__(
        self,
        protocol: ManiSkillProtocol,
        count: int,
        cameras: tuple[str, ...],
        size: tuple[int, int],
        action_width: int,
        depth: tuple[str, ...] = (),
    ) -> None:
        """Take ``size`` as (height, width); makes nothing yet."""
        self.protocol, self.count, self.action_width = protocol, count, action_width
        self._cameras, self._depth, self._size = cameras, depth, size
        self._renderer = renderer(cameras)
        self._world: World | None = None
        self._placer: World | None = None
        self._episodes: dict[int, _Episode] = {}

    def reset(self, tasks: Mapping[int, Task]) -> Mapping[int, str]:
        """Put some scenes into the initial states of their tasks; 10 ms each, and once all together."""
        world, placer = self._made(next(iter(tasks.values())).base)
        states = {}
        for scene, task in tasks.items():
            if task.dimension in _SHARED and self._cameras:
                raise BadInputError(
                    f"{task.name}: the scenes of a card look alike, so {task.dimension} is played on processors only."
                    " Leave physics=cuda out, or choose others by --robust-perturbation."
                )
            placer.place(task)
            states[scene] = placer.state()
            self._episodes[scene] = _Episode(task, told(task))
        world.take(states)
        return {scene: self._episodes[scene].instruction for scene in tasks}

    def step(self, actions: Mapping[int, Actions], *, render: bool) -> frozenset[int]:
        world = self._made_already()
        every = np.zeros((self.count, self.action_width), np.float32)
        for scene, action in actions.items():
            every[scene] = action
            self._episodes[scene].step += 1
        reached = world.step(every)
        return frozenset(scene for scene in actions if reached[scene])

    def observe(self, scenes: Sequence[int]) -> Sequence[Observation]:
        world = self._made_already()
        pictures = world.pictures() if self._cameras else {}
        depths, sensed = world.depths(self._depth), world.sensed()
        return [self._seen(scene, pictures, depths, sensed) for scene in scenes]

    def view(self, scene: int) -> View:
        return View(self._episodes[scene].task, self.protocol, self._made_already(), scene)

    def state_hash(self, scene: int) -> str:
        return self._made_already().digest(scene)

    def provenance(self) -> Mapping[str, str]:
        return {**facts(self.protocol, self.protocol.physics, self._renderer), "scenes": str(self.count)}

    def close(self) -> None:
        """Free the scenes; the next reset makes new ones."""
        for world in (self._world, self._placer):
            if world is not None:
                world.close()
        self._world = self._placer = None
        self._episodes.clear()

    def _made(self, base: str) -> tuple[World, World]:
        from pytest_robustplus.benchmarks.maniskill.world import World

        if self._world is None or self._placer is None or self._world.base != base:
            if base not in TOGETHER:
                raise BadInputError(
                    f"{base} is played on processors only: leave physics=cuda out. On a card: {', '.join(TOGETHER)}."
                )
            self.close()
            # PhysX has to be told of the card before it simulates anything, so the placing scene comes second.
            world = World(base, self.count, self.protocol, self._cameras, self._size)
            world.check_width(self.action_width)
            self._world = world
            self._placer = World(base, 1, replace(self.protocol, physics="cpu"), (), self._size)
        return self._world, self._placer

    def _made_already(self) -> World:
        assert self._world is not None
        return self._world

    def _seen(
        self, scene: int, pictures: Mapping[str, Any], depths: Mapping[str, Any], sensed: Mapping[str, Any]
    ) -> Observation:
        from pytest_robustplus.benchmarks.maniskill.world import image

        episode = self._episodes[scene]
        images = noisy(image(pictures, scene), episode.task.perturbation, (episode.task.init_state, episode.step))
        state = {name: values[scene] for name, values in sensed.items()}
        return Observation(images, state, episode.instruction, depth=image(depths, scene))
