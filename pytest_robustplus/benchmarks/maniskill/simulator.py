"""ManiSkill3 behind the simulator contract: one scene on the processor, pictures only for who looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.maniskill.episodes import facts, noisy, renderer, told
from pytest_robustplus.benchmarks.maniskill.protocol import ManiSkillProtocol
from pytest_robustplus.benchmarks.playing import OneScene, playing
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.results.events import EpisodeEvents, Failure, Subgoal

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.maniskill.appearance import Appearance
    from pytest_robustplus.benchmarks.maniskill.world import World


class ManiSkillSimulator(OneScene):
    """Plays ManiSkill tasks one after another; an environment is made once for each base task in a row.

    Images are (height, width, 3) uint8, top row first, keyed by ManiSkill's names of cameras, and depth is in its whole
    millimetres. State: ``qpos`` and
    ``tcp_pose``, arm after arm. Actions are those of ManiSkill's controller, arm after arm.
    """

    def __init__(
        self,
        protocol: ManiSkillProtocol,
        *,
        cameras: tuple[str, ...],
        depth: tuple[str, ...] = (),
        size: tuple[int, int],
        action_width: int,
    ) -> None:
        """Take ``size`` as (height, width) and the width of the profile's actions; without cameras nothing is drawn."""
        super().__init__()
        self.protocol, self.action_width = protocol, action_width
        self._renderer = renderer(cameras)
        self._cameras, self._depth, self._size = cameras, depth, size
        self._world: World | None = None
        self._looks: tuple[Any, Appearance] | None = None

    @property
    def world(self) -> World:
        """ManiSkill's environment at hand, for scripts that read it."""
        return playing(self._world)

    @property
    def scene(self) -> int:
        """The number of the scene in its world."""
        return 0

    def reset(self, task: Task) -> str:
        """Place the scene of ``task``; 20–60 ms, seconds for the first of a base task."""
        self._leave()
        world = self._made(task)
        world.place(task)
        if self._cameras:
            self._shown(world).show(task.perturbation, task.name)
        self._held: dict[str, int] = {}
        return self._begin(task, told(task))

    def step(self, action: Actions, *, render: bool) -> bool:
        """Advance one control step, 50 ms; 2–5 ms of wall clock, and about 100 ms for a camera when ``render``."""
        world, self._seen = self.world, None
        self._step += 1
        reached = bool(world.step(np.asarray(action)[None])[0])
        for name, holds in world.conditions.items():
            if name not in self._held and bool(holds[0]):
                self._held[name] = self._step
        if render:
            self._seen = self._observed()
        return reached

    def events(self, steps: int) -> EpisodeEvents:
        """Tell which of the task's own conditions came to hold; ManiSkill says no more, so not how an episode failed.

        A condition that held from the first of the last ``steps`` control steps on, such as an arm at rest, is none.
        """
        before = self._step - steps
        stages = tuple(
            Subgoal(name.removeprefix("is_").replace("_", " "), max(self._held.get(name, before) - before, 0))
            for name in self.world.conditions
            if name not in ("success", "fail") and self._held.get(name, before + 2) > before + 1
        )
        return EpisodeEvents(None if "success" in self._held else Failure.UNKNOWN, stages)

    def state_hash(self) -> str:
        """Digest poses and velocities of everything that may move."""
        return self.world.digest(0)

    def provenance(self) -> Mapping[str, str]:
        """Versions, physics, and what draws; ``none`` without rendering."""
        return facts(self.protocol, "cpu", self._renderer)

    def close(self) -> None:
        """Free the environment; idempotent."""
        if self._world is not None:
            self._world.close()
        self._world = self._looks = None
        self._leave()

    def _made(self, task: Task) -> World:
        from pytest_robustplus.benchmarks.maniskill.world import World

        if self._world is None or self._world.base != task.base:
            self.close()
            # One scene is played on a processor, also beside scenes on a card: a check, say, or a replay to video.
            own = replace(self.protocol, physics="cpu")
            world = World(task.base, 1, own, self._cameras, self._size)
            world.check_width(self.action_width)
            self._world = world
        return self._world

    def _shown(self, world: World) -> Appearance:
        from pytest_robustplus.benchmarks.maniskill.appearance import Appearance

        scene = world.scene(0)
        if self._looks is None or self._looks[0] is not world.env.scene:
            self._looks = world.env.scene, Appearance(scene, world.camera(0))
        return self._looks[1]

    def _observed(self) -> Observation:
        from pytest_robustplus.benchmarks.maniskill.world import image

        world, task = self.world, self.task
        images = image(world.pictures(), 0) if self._cameras else {}
        depth = image(world.depths(self._depth), 0)
        state = {name: values[0] for name, values in world.sensed().items()}
        images = noisy(images, task.perturbation, (task.init_state, self._step))
        return Observation(images, state, self._instruction, depth=depth)
