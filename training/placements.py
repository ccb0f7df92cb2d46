"""Scenes that no benchmark task shows: objects and joints elsewhere, and looks under random cameras and lights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import cameras
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.placements import fixture_below, scatter
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.randomness import lent
from pytest_robustplus.benchmarks.libero_plus.scene import ARM_JOINTS
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import instruction
from pytest_robustplus.policies.contract import Image

# The official initial states scatter the arm's joints by that much.
_JOINT_NOISE = 0.02
# How far the goal's objects and the others move to each side, in metres. In libero_spatial the sentence names the
# bowl by what it is next to, so that moving it far would make the sentence wrong.
WIDE = {"libero_object": (0.06, 0.03), "libero_spatial": (0.03, 0.03)}
_SEAT, _DROP = 0.012, 0.08


class PlacedSimulator(LiberoSimulator):
    """LIBERO with free placements; ``reset`` still plays the official tasks."""

    def __init__(self, *, image_size: int = 256, render: bool = True) -> None:
        super().__init__(LiberoProtocol(), image_size=image_size, render=render)
        self._scenes._memory_bytes = 4_000_000_000

    def place(self, task: Task, seed: Sequence[int], *, wide: bool, official: bool = False) -> str:
        """Begin an episode from a drawn state, or from the task's official one; ``wide`` moves the objects on."""
        random = np.random.default_rng(seed)
        self._seen = self._task = self._scene = None
        scene = self._scenes.scene(task)
        scene.reset(task, int(random.integers(1 << 31)) if not official else self.protocol.env_seed, "controller")
        environment = scene.environment
        sim = environment.sim
        if official:
            sim.set_state_from_flattened(init_state(task.suite, task.base, task.init_state))
        else:
            with lent(int(random.integers(1 << 31))):
                _reset(environment)
            sim.data.qpos[:ARM_JOINTS] += random.normal(size=ARM_JOINTS) * _JOINT_NOISE
            sim.forward()
            _seat(environment, random)
        cameras.place(environment, scene.compiled.model, cameras.View())
        sim.forward()
        if wide:
            scatter(environment, random, *WIDE[task.suite])
        sim.forward()
        environment._check_success()
        environment._post_process()
        self._task, self._scene, self._step, self._disturbances = task, scene, 0, ()
        self._instruction = instruction(task, self.protocol.prompt_source)
        return self._instruction

    def render_from(self, positions: Sequence[float]) -> Mapping[str, Image]:
        """Put every joint there and draw what the cameras see."""
        scene = self.scene
        scene.environment.sim.data.qpos[:] = positions
        scene.environment.sim.forward()
        return self._observed().images

    def render_randomly(self, random: np.random.Generator) -> dict[str, Image]:
        """Draw what the cameras would see under another view, other lights and other colours; state is unchanged."""
        task, scene = self.task, self.scene
        model = scene.compiled.model
        with _restored(model):
            _randomise(scene.environment, model, random)
            mujoco.mj_camlight(model, scene.compiled.sim.data._data)
            drawn = {name: self._scenes.painter(scene).draw(cameras.NAMES[name]) for name in cameras.NAMES}
        cameras.place(scene.environment, model, cameras.view(task))
        mujoco.mj_camlight(model, scene.compiled.sim.data._data)
        return drawn


def _reset(environment: Any) -> None:
    from robosuite.utils.errors import RandomizationError

    while True:
        try:
            environment.reset()
            return
        except RandomizationError:  # the objects did not fit; the next draw may
            continue


def _seat(environment: Any, random: np.random.Generator) -> None:
    """Hold objects that begin on a fixture above their region; a repeated reset adds the fixture's place twice."""
    sim = environment.sim
    for predicate in environment.parsed_problem["initial_state"]:
        if (
            len(predicate) == 3
            and predicate[1] in environment.objects_dict
            and fixture_below(environment, predicate[1])
        ):
            joint = environment.objects_dict[predicate[1]].joints[-1]
            start = sim.model.get_joint_qpos_addr(joint)[0]
            place = sim.data.site_xpos[sim.model.site_name2id(predicate[2])]
            sim.data.qpos[start : start + 2] = place[:2] + random.uniform(-_SEAT, _SEAT, 2)
            sim.data.qpos[start + 2] = place[2] + _DROP


@contextmanager
def _restored(model: Any) -> Iterator[None]:
    names = [name for name in dir(model) if name.startswith("light_")] + ["mat_rgba", "cam_pos", "cam_quat"]
    arrays = {name: getattr(model, name).copy() for name in names if isinstance(getattr(model, name), np.ndarray)}
    headlight = {name: np.array(getattr(model.vis.headlight, name)) for name in ("ambient", "diffuse", "specular")}
    try:
        yield
    finally:
        for name, array in arrays.items():
            getattr(model, name)[:] = array
        for name, array in headlight.items():
            getattr(model.vis.headlight, name)[:] = array


def _randomise(environment: Any, model: Any, random: np.random.Generator) -> None:
    cameras.place(environment, model, _view(random))
    if random.random() < 0.7:
        model.light_diffuse[:] *= random.uniform(0.3, 1.7, (model.nlight, 1)) * random.uniform(0.75, 1.25, (1, 3))
        model.light_specular[:] *= random.uniform(0.2, 2.0)
        model.light_dir[:] += random.normal(size=model.light_dir.shape) * 0.4
        model.light_dir[:] /= np.linalg.norm(model.light_dir, axis=1, keepdims=True)
        model.vis.headlight.ambient[:] *= random.uniform(0.5, 1.5)
        model.vis.headlight.diffuse[:] *= random.uniform(0.4, 1.4)
    if random.random() < 0.7:
        for material in _arena_materials(model):
            model.mat_rgba[material, :3] *= random.uniform(0.35, 1.0, 3)


def _view(random: np.random.Generator) -> cameras.View:
    """Draw a view within the ranges of LIBERO-Plus' camera tasks, one kind at a time or all, or the nominal."""
    kind = random.choice(["none", "around", "away", "turned", "all"], p=[0.15, 0.35, 0.15, 0.15, 0.2])
    part = 0.5 if kind == "all" else 1.0

    def degrees(most: float) -> int:
        return int(np.round(random.uniform(-most, most) * part)) % 360

    around, away, turned = (kind in (name, "all") for name in ("around", "away", "turned"))
    return cameras.View(
        degrees(75) if around else 0,
        int(random.uniform(0, 15.99) * part) if around else 0,
        1.0 + float(random.uniform(0, 1.0)) * part if away else 1.0,
        degrees(10) if turned else 0,
        degrees(10) if turned else 0,
    )


def _arena_materials(model: Any) -> list[int]:
    """Materials of what stands fast and is not the robot: floor, walls, table, fixtures."""
    found = set()
    for geom in range(model.ngeom):
        body = int(model.geom_bodyid[geom])
        if model.body_weldid[body] == 0 and not model.body(body).name.startswith(("robot", "mount", "gripper")):
            found.add(int(model.geom_matid[geom]))
    return sorted(found - {-1})
