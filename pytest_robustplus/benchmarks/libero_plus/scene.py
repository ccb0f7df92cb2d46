"""One task's scene: built once by the package's own code, and reset by it for every episode."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import cameras, distractors, lights, packages, placements, surfaces
from pytest_robustplus.benchmarks.libero_plus.arm import Arm
from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.distractors import Spare
from pytest_robustplus.benchmarks.libero_plus.events import EventMonitor
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.protocol import CONTROL_HZ, RobotStart
from pytest_robustplus.benchmarks.libero_plus.randomness import lent
from pytest_robustplus.benchmarks.libero_plus.rasters import Source
from pytest_robustplus.benchmarks.libero_plus.tasks import variant_name
from pytest_robustplus.benchmarks.libero_plus.touching import Touching
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Background, Dimension, Layout, Light, Robot, part

ARM_JOINTS = 7
_DIGITS = 8
_SHARE_BASE = (Dimension.ORIGINAL, Dimension.CAMERA, Dimension.ROBOT, Dimension.NOISE)


def scene_name(task: Task) -> str:
    """Name the BDDL file and the stored initial states that a task is played from."""
    return task.base if task.dimension in _SHARE_BASE else variant_name(task)


def in_base_scene(task: Task) -> bool:
    """Whether a task's model is its base task's; else it is a variant of light, background or layout with its own."""
    return task.dimension in (*_SHARE_BASE, Dimension.LANGUAGE)


class Scene:
    """One task's environment and goal on a compiled model that other scenes may share."""

    def __init__(self, environment: Any, compiled: CompiledScene, spares: tuple[Spare, ...] = ()) -> None:
        self.environment = environment
        self.compiled = compiled
        self._spares = spares
        self.covers: dict[int, Source] = {}
        self._initializers = tuple(environment.object_property_initializers)
        self._nominal_robot: str = environment.robot_names[0]
        # Nothing is sampled but what a policy looks at.
        self.sensors = {name: observable._sensor for name, observable in environment._setup_observables().items()}
        environment._observables = {}

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
        environment.check_contact = Touching(environment)
        self.arm = Arm(environment)
        self.monitor = EventMonitor(environment)
        model = self.compiled.model
        cameras.aim(environment, model, task)
        lights.shine(model, part(task.perturbation, Light))
        surfaces.tint(model, background := part(task.perturbation, Background))
        self.covers = surfaces.covers(self.compiled, background, task.name)
        stored = init_state(task.suite, scene_name(task), task.init_state)
        environment.sim.set_state_from_flattened(distractors.extended(stored, model, self._spares))
        if robot_start == "joints":
            environment.sim.data.qpos[:ARM_JOINTS] = joints
        self._close_gripper(part(task.perturbation, Robot).gripper)
        self.layout = self._arrange(part(task.perturbation, Layout))
        environment.sim.forward()
        environment._check_success()
        environment._post_process()

    def _arrange(self, wished: Layout) -> Layout:
        """Carry out a layout perturbation as far as there is room; return what came of it."""
        share = placements.rearrange(self.environment, wished)
        standing = distractors.lay(self.environment, self._spares, wished.distractors) if wished.distractors else ()
        return replace(wished, dx=share * wished.dx, dy=share * wished.dy, yaw=share * wished.yaw, distractors=standing)

    def _joints(self, task: Task) -> NDArray[np.float64]:
        pose = str(task.parameters["pose"]) if task.dimension is Dimension.ROBOT else ""
        joints = stored_joints(self._nominal_robot + pose, where=task.name)
        robot = part(task.perturbation, Robot)
        if robot.arms > 1:
            raise BadInputError(
                f"{task.name}: LIBERO's robot has one arm, not {robot.arms}; give Robot.direction {ARM_JOINTS} numbers."
            )
        # LIBERO-Plus' stored poses have eight digits; rounding makes the sum of nominal joints and offset the same.
        return np.round(joints + robot.offset, _DIGITS) if robot.radius else joints

    def _close_gripper(self, closed: float) -> None:
        """Bring the fingers that far from where they are towards closed; the settling action may open them again."""
        fingers = self.environment.robots[0]._ref_gripper_joint_pos_indexes
        self.environment.sim.data.qpos[fingers] *= 1 - closed


def stored_joints(robot: str, *, where: str = "") -> NDArray[np.float64]:
    """Return the joints (7, radians) of a LIBERO-Plus robot; raises ``BadInputError`` for one it does not have."""
    from robosuite.models.robots.robot_model import REGISTERED_ROBOTS

    if robot not in REGISTERED_ROBOTS:
        raise BadInputError(f"{where}: LIBERO-Plus has no robot {robot}; poses are numbered 1 to 500.")
    found = REGISTERED_ROBOTS[robot]
    joints: NDArray[np.float64] = found.init_qpos.fget(object.__new__(found))
    return joints


def build(path: Path, compiled: Callable[[str], CompiledScene], *, spares: bool) -> Scene:
    """Build the environment of a BDDL file; ``compiled`` turns a scene's XML into a model, or finds it.

    With ``spares`` the scene has objects for distractors.
    """
    import robosuite
    from liberoplus.liberoplus.envs.bddl_utils import get_problem_info
    from robosuite.utils.errors import RandomizationError

    problem = packages.problem(get_problem_info(str(path))["problem_name"])
    environment = problem.__new__(problem)
    models: list[CompiledScene] = []
    made: list[Any] = []

    def initialize_sim() -> None:
        """Stand in for robosuite's method, which compiles a model of its own."""
        made[:] = distractors.make(environment) if spares else []
        models.append(compiled(environment.model.get_xml()))
        models[-1].restore()
        environment.sim = models[-1].sim
        environment.sim.reset()
        environment.sim.forward()
        environment.initialize_time(environment.control_freq)

    # On the instance, before it is initialised: robosuite would register a class of ours for good, model and all.
    environment._initialize_sim = initialize_sim
    for seed in count():
        with lent(seed), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                environment.__init__(
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
            except RandomizationError:  # objects did not fit at random; where they go is decided at every reset
                continue
            environment._load_model()
            environment._setup_references()
        break
    return Scene(environment, models[-1], distractors.find(models[-1].model, made))
