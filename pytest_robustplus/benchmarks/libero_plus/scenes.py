"""LIBERO's scenes: built once by the package's own code, reset by it, kept while memory allows.

A scene is what a BDDL file describes apart from its sentence. Variants that move the camera, the joints, the words or
the pixels share their base task's scene, and scenes whose models come out equal (all ten tasks of libero_spatial, all
ten of libero_goal) share the compiled model.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import re
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import cameras, packages
from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.drawing import Canvas, Painter
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.protocol import RobotStart
from pytest_robustplus.benchmarks.libero_plus.randomness import lent
from pytest_robustplus.benchmarks.libero_plus.tasks import variant_name
from pytest_robustplus.errors import BadInputError, SimulatorError
from pytest_robustplus.perturbations import Dimension

CONTROL_HZ = 20
ARM_JOINTS = 7
# Kept models, geometry and textures; imports, GL and MuJoCo's own cache of meshes take 0.8 GB more.
MEMORY_BYTES = 1_200_000_000
_MOST_SCENES = 48  # environments without their models: see docs
_SENTENCE = re.compile(rb"\(\s*:language\b[^()]*\)")
_SHARE_BASE = (Dimension.ORIGINAL, Dimension.CAMERA, Dimension.ROBOT, Dimension.NOISE)


def scene_name(task: Task) -> str:
    """Name the BDDL file and the stored initial states that a task is played from."""
    return task.base if task.dimension in _SHARE_BASE else variant_name(task)


class Scene:
    """One task's environment and goal on a compiled model that other scenes may share."""

    def __init__(self, environment: Any, compiled: CompiledScene) -> None:
        self.environment = environment
        self.compiled = compiled
        self._initializers = tuple(environment.object_property_initializers)
        self._nominal_robot: str = environment.robot_names[0]
        # Nothing is sampled but what a policy looks at.
        self.sensors = {name: observable._sensor for name, observable in environment._setup_observables().items()}
        environment._observables = OrderedDict()

    def reset(self, task: Task, env_seed: int, robot_start: RobotStart) -> None:
        """Put the scene into a task's initial state, bit for bit as a fresh environment of the package arrives there.

        The package builds, seeds, builds again, resets and loads the stored state; building again matters in that it
        registers every sampler of drawer and knob positions a second time, which then draws twice.
        """
        from robosuite.utils.errors import RandomizationError

        environment = self.environment
        joints = self._joints(task)
        environment.object_property_initializers = list(self._initializers)
        with lent(env_seed):
            while True:
                self.compiled.restore()
                environment.robots[0].init_qpos = joints
                try:
                    environment.reset()
                    break
                except RandomizationError:  # objects did not fit; the package builds once more and draws on
                    environment._load_model()
        cameras.place(environment, self.compiled.model, cameras.view(task))
        environment.sim.set_state_from_flattened(init_state(task.suite, scene_name(task), task.trial))
        if robot_start == "joints":
            environment.sim.data.qpos[:ARM_JOINTS] = joints
        environment.sim.forward()
        environment._check_success()
        environment._post_process()

    def _joints(self, task: Task) -> NDArray[np.float64]:
        from robosuite.models.robots.robot_model import REGISTERED_ROBOTS

        pose = str(task.parameters["pose"]) if task.dimension is Dimension.ROBOT else ""
        name = self._nominal_robot + pose
        if name not in REGISTERED_ROBOTS:
            raise BadInputError(f"{task.name}: LIBERO-Plus has no robot pose {pose}; poses are numbered 1 to 500.")
        robot = REGISTERED_ROBOTS[name]
        joints: NDArray[np.float64] = robot.init_qpos.fget(object.__new__(robot))
        return joints


class SceneCache:
    """Scenes by what their BDDL files describe; the least recently played go when memory runs out."""

    def __init__(self, assets: Path | None, canvas: Canvas | None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._problems = packages.import_environment(assets).TASK_MAPPING
        self._canvas, self._memory_bytes = canvas, memory_bytes
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self._compiled: OrderedDict[str, CompiledScene] = OrderedDict()
        self._painters: dict[CompiledScene, Painter] = {}

    def scene(self, task: Task) -> Scene:
        """Return the scene of a task, built and compiled (0.5–3 s) unless it is kept."""
        path = packages.bddl_file(task.suite, scene_name(task))
        try:
            described = hashlib.sha256(_SENTENCE.sub(b"", path.read_bytes())).hexdigest()
        except OSError as error:
            raise BadInputError(
                f"{task.name}: {path} cannot be read ({error.strerror}). Check the task's name, or install again: "
                f"{packages.INSTALL}"
            ) from error
        if described not in self._scenes:
            self._scenes[described] = self._build(path)
        scene = self._scenes[described]
        self._scenes.move_to_end(described)
        self._compiled.move_to_end(scene.compiled.digest)
        self._make_room()
        return scene

    def painter(self, scene: Scene) -> Painter:
        """Return what draws a scene; uploads its geometry and the textures that no kept scene shows (0.3–3 s)."""
        if self._canvas is None:
            raise SimulatorError("This simulator was built without rendering; build it with render=True to see images.")
        if scene.compiled not in self._painters:
            self._painters[scene.compiled] = Painter(self._canvas, scene.compiled)
            self._make_room()
        return self._painters[scene.compiled]

    def close(self) -> None:
        while self._compiled:
            self._drop()

    def _build(self, path: Path) -> Scene:
        import robosuite
        from liberoplus.liberoplus.envs import bddl_utils

        problem = self._problems[bddl_utils.get_problem_info(str(path))["problem_name"]]
        # The package checks a class's name against the file's.
        shared = type(
            problem.__name__, (problem,), {"_initialize_sim": lambda environment: self._initialize_sim(environment)}
        )
        with lent(0), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            environment = shared(
                str(path),
                **cameras.View()._asdict(),
                init_state=0,
                robots=["Panda"],
                controller_configs=robosuite.load_controller_config(default_controller="OSC_POSE"),
                initialization_noise=None,
                use_camera_obs=False,
                has_offscreen_renderer=False,
                control_freq=CONTROL_HZ,
                hard_reset=False,
            )
            environment._load_model()
            environment.reset()
        return Scene(environment, next(reversed(self._compiled.values())))

    def _initialize_sim(self, environment: Any) -> None:
        """Stand in for robosuite's method: take the compiled model from here instead of compiling another."""
        xml = environment.model.get_xml()
        digest = hashlib.sha256(xml.encode()).hexdigest()
        if digest not in self._compiled:
            self._compiled[digest] = CompiledScene(xml, digest)
        self._compiled.move_to_end(digest)
        compiled = self._compiled[digest]
        compiled.restore()
        environment.sim = compiled.sim
        environment.sim.reset()
        environment.sim.forward()
        environment.initialize_time(environment.control_freq)

    def _make_room(self) -> None:
        while len(self._scenes) > _MOST_SCENES:
            self._scenes.popitem(last=False)
        while len(self._compiled) > 1 and self._nbytes() > self._memory_bytes:
            self._drop()

    def _nbytes(self) -> int:
        kept = sum(compiled.nbytes for compiled in self._compiled.values())
        drawn = sum(painter.nbytes for painter in self._painters.values())
        return kept + drawn + (self._canvas.nbytes if self._canvas else 0)

    def _drop(self) -> None:
        _, compiled = self._compiled.popitem(last=False)
        if painter := self._painters.pop(compiled, None):
            painter.close()
        self._scenes = OrderedDict(
            (key, scene) for key, scene in self._scenes.items() if scene.compiled is not compiled
        )
        del compiled
        gc.collect()  # environments refer to themselves, and hold the model's 100 MB
