"""The bimanual benchmark behind the simulator contract: 25 Hz, absolute joints, pictures only for who looks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.bimanual import noise
from pytest_robustplus.benchmarks.bimanual.draws import Setup, draw
from pytest_robustplus.benchmarks.bimanual.events import EventMonitor
from pytest_robustplus.benchmarks.bimanual.goals import GOALS
from pytest_robustplus.benchmarks.bimanual.instructions import instruction
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.playing import OneScene, playing, versions
from pytest_robustplus.benchmarks.rendering import Renderer, choose_renderer
from pytest_robustplus.benchmarks.two_arms import CAMERAS, DRAWN
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.results.events import EpisodeEvents

SHADER = "bimanual 1"  # the folder shader/; count up when pictures change


class BimanualSimulator(OneScene):
    """Plays bimanual tasks one after another, each in a scene of its own.

    Images are (height, width, 3) uint8, top row first, keyed as RoboTwin keys them. State: ``joint_pos`` (14: six
    angles in radians and the gripper from 0 closed to 1 open, left and then right), ``left_endpose`` and
    ``right_endpose`` (7: metres in the world and quaternion wxyz of the fingertips), and RoboTwin's camera matrices.
    Actions are absolute values of the same 14; the targets go there evenly over the step's 40 ms. Not safe to share
    between threads.
    """

    action_width = 14

    def __init__(
        self,
        protocol: BimanualProtocol,
        *,
        cameras: tuple[str, ...] = CAMERAS,
        depth: tuple[str, ...] = (),
        size: tuple[int, int] = (240, 320),
    ) -> None:
        """Take ``size`` as (height, width); without cameras no driver is needed and nothing is drawn."""
        for camera in cameras:
            if camera not in DRAWN:
                raise unknown("camera of the bimanual benchmark", camera, DRAWN)
        super().__init__()
        self._renderer: Renderer | None = choose_renderer()._replace(shader=SHADER) if cameras else None
        _import_sapien()
        self.protocol = protocol
        self._cameras, self._depth, self._size = cameras, depth, size
        self._appearance: Any = None
        self._scene: Any = None
        self._mounted: Mapping[str, Any] = {}
        self._setup: Setup | None = None

    @property
    def scene(self) -> Any:
        """The scene at hand (``BimanualScene``); it changes with the episode."""
        return playing(self._scene)

    def reset(self, task: Task) -> str:
        """Build the scene of ``task``; 25–60 ms."""
        from pytest_robustplus.benchmarks.bimanual import assembly, cameras
        from pytest_robustplus.benchmarks.bimanual.generated import perturbed
        from pytest_robustplus.benchmarks.bimanual.scene import BimanualScene

        if task.base not in GOALS:
            raise unknown("bimanual task", task.base, GOALS)
        self._leave()
        if self._cameras and self._appearance is None:
            self._appearance = assembly.upload()
        setup, _ = draw(task.base, task.dimension, task.init_state, self.protocol)
        setup = perturbed(setup, task.perturbation, GOALS[task.base].clear, task.name)
        self._scene = BimanualScene(setup, self._appearance, self._renderer.device if self._renderer else None)
        self._mounted = cameras.mount(self._scene, setup.view, self._cameras, self._size)
        self._setup = setup
        self._monitor = EventMonitor(GOALS[task.base], self._scene)
        return self._begin(task, instruction(task, setup, self.protocol))

    def step(self, action: Actions, *, render: bool) -> bool:
        """Advance 40 ms; 1 ms of wall clock, and 8–11 ms for every camera when ``render``."""
        scene = self.scene
        self._step += 1
        self._seen = None
        scene.step(np.array(action, np.float64))
        if render:
            self._seen = self._observed()
        reached = GOALS[self.task.base].reached(scene)
        self._monitor.watch(self._step, last=reached)
        return reached

    def events(self, steps: int) -> EpisodeEvents:
        """Tell what happened in the last ``steps`` control steps, looked at five times a second."""
        return self._monitor.events(steps, GOALS[self.task.base].reached(self.scene))

    def state_hash(self) -> str:
        """Digest positions and velocities of joints and bodies, and the joint targets."""
        digest: str = self.scene.state_hash()
        return digest

    def provenance(self) -> Mapping[str, str]:
        """Versions, and the driver and the shader that draw; ``none`` without rendering."""
        return {
            **versions("sapien", "gym_aloha", "numpy"),
            "renderer": self._renderer.name if self._renderer else "none",
            "bimanual_protocol": self.protocol.digest(),
        }

    def close(self) -> None:
        """Free the scene; idempotent."""
        self._leave()
        self._appearance = None

    def _leave(self) -> None:
        super()._leave()
        self._scene = self._setup = None
        self._mounted = {}

    def _observed(self) -> Observation:
        from pytest_robustplus.benchmarks.bimanual import cameras

        scene, setup = self.scene, self._setup
        images = cameras.shoot(scene, self._mounted) if self._mounted else {}
        for sensor_noise in setup.noises if setup is not None else ():
            images = {
                name: noise.disturb(
                    image, sensor_noise, self.protocol.parameters, (self.task.init_state, number, self._step)
                )
                for number, (name, image) in enumerate(images.items())
            }
        state = {"joint_pos": scene.values}
        for side, arm in scene.arms.items():
            state[f"{side}_endpose"] = np.concatenate([arm.tip.p, arm.tip.q]).astype(np.float64)
        depth = {name: cameras.depth(self._mounted[name]) for name in self._depth}
        return Observation(images, {**state, **cameras.matrices(self._mounted)}, self._instruction, depth=depth)


def _import_sapien() -> None:
    """Import SAPIEN, which warns where there is no system libvulkan: it brings one, and who draws has been told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            import sapien  # noqa: F401
        except ImportError as error:
            raise BadInputError(
                f"The bimanual benchmark needs SAPIEN ({error}). Run: pip install 'pytest-robustplus[bimanual]'"
            ) from error
