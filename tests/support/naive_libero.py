"""The package's own environment, played as naively as it can be: a fresh one per episode, rendered at every step.

It may be ``spared`` half of its time: MuJoCo then compiles equal XML once, the scene that the constructor makes and the
first reset throws away is not drawn, and noise, seeded anew at every step, disturbs only what is looked at. One task of
the tests is played with nothing spared.
"""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import noise, packages
from pytest_robustplus.benchmarks.libero_plus.init_states import init_state
from pytest_robustplus.benchmarks.libero_plus.scene import scene_name
from pytest_robustplus.benchmarks.libero_plus.simulator import STATE, LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import variant_name
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Actions, Observation

SEED = 7
CAMERAS = {"agentview": "agentview_image", "wrist": "robot0_eye_in_hand_image"}


class Played(NamedTuple):
    """What two ways of playing must agree on."""

    state: str
    success: bool
    seen: dict[int, Observation]


def actions(count: int) -> list[Actions]:
    """Settle twice, then flail."""
    still = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])
    return [still] * 2 + list(np.random.default_rng(0).uniform(-1, 1, (count - 2, 7)))


def state_hash(environment: Any) -> str:
    """The digest of ``LiberoSimulator.state_hash``, taken from robosuite's simulation."""
    model, data = environment.sim.model._model, environment.sim.data._data
    state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    return hashlib.sha256(state.tobytes() + model.body_pos.tobytes() + model.body_quat.tobytes()).hexdigest()


class Undrawn:
    """Stands in for a robosuite render context: uploads nothing, and its pictures are black."""

    offscreen = True

    def __init__(self, sim: Any, device_id: int) -> None:
        self.vopt = mujoco.MjvOption()
        sim.add_render_context(self)

    def render(self, **_how: Any) -> None:
        pass

    def read_pixels(self, width: int, height: int, **_how: Any) -> NDArray[np.uint8]:
        return np.zeros((height, width, 3), np.uint8)


@contextmanager
def replaced(where: Any, name: str, what: Any) -> Iterator[None]:
    before = vars(where)[name]
    setattr(where, name, what)
    try:
        yield
    finally:
        setattr(where, name, before)


@lru_cache(maxsize=1)
def compiled(xml: str) -> Any:
    """A model that nobody may write to; its textures are most of 270 MB."""
    return mujoco.MjModel.from_xml_string(xml)


def build(task: Task, size: int, *, spared: bool = True) -> Any:
    packages.import_environment()
    make = packages.wrapper().OffScreenRenderEnv
    from robosuite.environments import base
    from robosuite.utils.binding_utils import MjSim

    once = classmethod(lambda cls, xml: cls(copy.copy(compiled(xml))))
    with replaced(MjSim, "from_xml_string", once) if spared else nullcontext():
        with replaced(base, "MjRenderContextOffscreen", Undrawn) if spared else nullcontext():
            environment = make(
                bddl_file_name=str(packages.variant_file(task.suite, variant_name(task))),
                camera_heights=size,
                camera_widths=size,
                camera_names=["agentview", "robot0_eye_in_hand"],
            )
        environment.seed(SEED)
        environment.reset()
    environment.set_init_state(init_state(task.suite, scene_name(task), task.init_state))
    return environment


def play(
    task: Task,
    moves: Sequence[Actions],
    looks: Collection[int],
    size: int = 256,
    *,
    begin: Callable[[Any], None] = lambda environment: None,
    picture: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda environment, observed: observed,
    poses_from: int | None = None,
    spared: bool = True,
) -> Played:
    """Play ``moves``; ``begin`` may change the initial state, ``picture`` what is seen after a step.

    From move number ``poses_from`` on the controller is told poses, in the way in which X-VLA's own client does it.
    """
    generator = np.random.get_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        environment = build(task, size, spared=spared)
        begin(environment)
        seen, success = {}, False
        controller, kind = environment.env.robots[0].controller, environment.noise
        for step, move in enumerate(moves, 1):
            if step - 1 == poses_from:
                controller.use_delta = False
            if task.dimension is Dimension.NOISE:
                np.random.seed(noise.seed(task.name, SEED, step))
                environment.noise = kind if step in looks or not spared else 0
            observed, _, success, _ = environment.step(move)
            if step in looks:
                observed = picture(environment, observed)
                seen[step] = Observation(
                    {camera: np.array(observed[name]) for camera, name in CAMERAS.items()},
                    {
                        **{name: np.array(observed[sensor]) for name, sensor in STATE.items()},
                        "controller_pos": np.array(controller.ee_pos),
                        "controller_mat": np.array(controller.ee_ori_mat).ravel(),
                    },
                    "",
                )
        digest = state_hash(environment)
        environment.close()
    np.random.set_state(generator)
    return Played(digest, success, seen)


def play_with(simulator: LiberoSimulator, task: Task, moves: Sequence[Actions], looks: Collection[int]) -> Played:
    """Play the same with ours, looking only at ``looks``."""
    simulator.reset(task)
    seen, success = {}, False
    for step, move in enumerate(moves, 1):
        success = simulator.step(move, render=step in looks)
        if step in looks:
            seen[step] = simulator.observe()
    return Played(simulator.state_hash(), success, seen)


def largest_difference(ours: Played, theirs: Played) -> float:
    """Largest difference of any pixel or reading of any look."""
    assert ours.seen.keys() == theirs.seen.keys()

    def apart(first: NDArray[Any], second: NDArray[Any]) -> float:
        assert first.shape == second.shape
        return float(np.abs(first.astype(float) - second).max())

    return max(
        apart(one[name], other[name])
        for step, observation in ours.seen.items()
        for one, other in (
            (observation.images, theirs.seen[step].images),
            (observation.state, theirs.seen[step].state),
        )
        for name in one
    )
