"""What must hold before LIBERO-Plus is worth playing: a wrong flip or version yields a silent 0 % otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from pytest_robustplus.benchmarks import demo_replay, plausible
from pytest_robustplus.benchmarks.checks import (
    Demonstration,
    answer,
    begun,
    check_grasp,
    check_motion,
    check_renderer,
    check_shape,
    need_cameras,
)
from pytest_robustplus.benchmarks.contract import Check, CheckContext, Task
from pytest_robustplus.benchmarks.libero_plus import assets, packages
from pytest_robustplus.benchmarks.libero_plus.benchmark import DEMONSTRATIONS
from pytest_robustplus.benchmarks.libero_plus.packages import SUITES
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, instruction, tasks
from pytest_robustplus.distributed import machine
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.contract import Actions, Image, Observation
from pytest_robustplus.policies.profiles.rotations import REPRESENTATIONS
from pytest_robustplus.policies.profiles.state import assembler

# On MuJoCo 3.3.7 the bowl on the ramekin goes 1.5 cm and 16°, on 3.17 it goes 5.6 cm and 51°.
TELLTALE = "libero_spatial/pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate#0"
SIDEWAYS_M, TURNED_DEG = 0.03, 30.0
# The hand covers 2 to 3 % of the main camera's frame, in its upper quarter, and 18 % of the wrist camera's.
HAND_SHARE = 0.08
CHANGED = 12
DEMONSTRATED = 2
GRIPPER_STEPS = 10
STILL_STEPS = 5


def _versions(context: CheckContext) -> str:
    version = context.simulator.provenance()["mujoco"]
    if tuple(int(part) for part in version.split(".")[:2]) >= (3, 4):
        raise CheckFailedError(
            f"MuJoCo {version} is installed. From 3.4 on, scenes of libero_spatial settle elsewhere and published"
            ' numbers no longer apply. Install the tested one: pip install "mujoco<3.4".'
        )
    packages.wrapper()  # needs a library of the system's, and noise is imported no sooner than it is seen
    names = assets.altered()
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise CheckFailedError(
            f"The packages' assets are not those that were released: {names[0]}{more}, by size or missing. Policies"
            f" would see other images than those of published numbers. {assets.REINSTALL}"
        )
    return f"MuJoCo {version}, assets {'not checked: pip left no record of them' if names is None else 'as released'}"


def _renderer(context: CheckContext) -> str:
    drawn = check_renderer(
        context,
        _first(context),
        "The OpenGL driver is broken here; try the other of MUJOCO_GL=egl and MUJOCO_GL=osmesa, or update Mesa.",
    )
    return f"{drawn}; each simulator keeps up to {machine.told(machine.kept())} GB of scenes"


def _settling(context: CheckContext) -> str:
    from pytest_robustplus.benchmarks.libero_plus.settling import settling

    simulator: Any = context.simulator
    action = np.asarray(context.profile.settle_action)
    farthest = settling(simulator, find_task(TELLTALE), action, context.profile.settle_steps)[0]
    seen = f"{farthest.body} goes {100 * farthest.sideways_m:.1f} cm sideways and turns {farthest.turned_deg:.0f}°"
    if farthest.sideways_m > SIDEWAYS_M or farthest.turned_deg > TURNED_DEG:
        raise CheckFailedError(
            f"While the scene settles, {seen}; up to {100 * SIDEWAYS_M:.0f} cm and {TURNED_DEG:.0f}° is normal. Check"
            " MuJoCo's version (below 3.4) and settle_action in the model's profile."
        )
    return seen


def _cameras(context: CheckContext) -> str:
    need_cameras(context)
    hands = {camera: _hand(context, camera) for camera in context.profile.cameras}
    main, wrist = hands.get("agentview"), hands.get("wrist")
    if (main is not None and main.share > HAND_SHARE) or (wrist is not None and wrist.share < HAND_SHARE):
        shares = ", ".join(f"{100 * hand.share:.0f} % of {camera}" for camera, hand in hands.items())
        raise CheckFailedError(
            f"The cameras are swapped: the robot's hand covers {shares}, where it should be about 2 % of agentview and"
            " 18 % of wrist. Check cameras in the model's profile and the keys under which the policy is sent images."
        )
    if main is not None and main.height < 0.5:
        raise CheckFailedError(
            "The policy would see agentview upside down: the robot's hand is in the lower half. Check flip in the"
            " model's profile; LIBERO's models are trained on frames rotated by 180° or flipped vertically."
        )
    return "agentview upright, cameras in place" if main is not None else "cameras in place"


def _shapes(context: CheckContext) -> str:
    return check_shape(
        context, begun(context, _first(context)), ". Check replan, chunk and action in the model's profile."
    )


def _gripper(context: CheckContext) -> str:
    simulator = context.simulator
    observation = begun(context, _first(context))
    asked = float(answer(context, observation)[0, -1])
    still = _still(context, observation)
    before = float(np.abs(observation.state["gripper_qpos"]).sum())
    for step in range(GRIPPER_STEPS):
        simulator.step(np.concatenate([still, [1.0]]), render=step == GRIPPER_STEPS - 1)
    after = float(np.abs(simulator.observe().state["gripper_qpos"]).sum())
    if after >= before:
        raise CheckFailedError(
            f"The gripper opens at +1 (from {1000 * before:.0f} to {1000 * after:.0f} mm), while LIBERO closes it."
        )
    if asked > 0:
        raise CheckFailedError(
            f"The policy closes the gripper with its very first action ({asked:+.2f}), while every LIBERO demonstration"
            " begins with it open (-1). Check gripper and gripper_invert in the model's profile."
        )
    return f"+1 closes it, from {1000 * before:.0f} to {1000 * after:.0f} mm; the policy begins at {asked:+.2f}"


def _motion(context: CheckContext) -> str:
    return check_motion(context, _first(context), _deltas if context.profile.control == "delta" else _poses)


def _deltas(chunk: Actions, seen: Observation) -> str:
    return plausible.deltas(chunk[:, :-1])


def _poses(chunk: Actions, seen: Observation) -> str:
    read = REPRESENTATIONS["axis_angle"].to_quat
    here = assembler(("controller_pos", "controller_quat"))(seen.state)
    asked = np.stack([np.concatenate([action[:3], read(action[3:6])]) for action in chunk])
    return plausible.poses(asked, here, "the arm")


def _grasp(context: CheckContext) -> str:
    if context.profile.control != "delta":
        raise CheckSkipped("the demonstrations are of deltas, and this policy's actions are poses")
    bank = demo_replay.load(DEMONSTRATIONS)
    played = {task.suite for task in context.tasks} or {SUITES[0]}
    served = getattr(getattr(context.policy, "policy", None), "suites", SUITES)
    # Another suite's task, too: who never learnt a suite may well leave the gripper open in it.
    suites = sorted(played, key=SUITES.index) + [suite for suite in SUITES if suite in served and suite not in played]
    shown = itertools.chain.from_iterable(_demonstrations(bank, suite) for suite in suites)
    return check_grasp(context, shown, _deltas)


def _demonstrations(bank: demo_replay.Demonstrations, suite: str) -> Iterator[Demonstration]:
    """Those of the suite's first tasks that are not done with the gripper closed throughout."""
    found = (task for task in tasks() if task.suite == suite and task.dimension is Dimension.ORIGINAL)
    tapes = ((task, bank[demo_replay.key(task)].astype(np.float64)) for task in found if demo_replay.key(task) in bank)
    grasping = (Demonstration(task, tape, tape[:, -1:] > 0) for task, tape in tapes if tape[0, -1] < 0)
    return itertools.islice(grasping, DEMONSTRATED)


def _unsolved(context: CheckContext) -> str:
    task = _first(context)
    observation = begun(context, task)
    still = np.concatenate([_still(context, observation), [-1.0]])
    success = False
    for _ in range(STILL_STEPS):
        success = context.simulator.step(still, render=False) or success
    return plausible.unsolved(success, task.name)


def _prompt(context: CheckContext) -> str:
    source = context.profile.prompt_source
    told = {task.name: (instruction(task, source), instruction(task, "bddl")) for task in _prompted(context)}
    polluted = [(words, clean) for words, clean in told.values() if len(words.split()) > len(clean.split()) + 2]
    if not polluted:
        return f"instructions from {source}, without the variant's name in them"
    words, clean = polluted[0]
    return (
        f"instructions from {source}: the policy is told {words!r}, where the task's own sentence is {clean!r}. Most"
        " published numbers were measured so; a model trained on clean sentences may do better with"
        " prompt_source = 'bddl'."
    )


def _init_states(_context: CheckContext) -> str:
    from pytest_robustplus.benchmarks.libero_plus.init_states import init_states

    bases = {(task.suite, task.base) for task in tasks() if task.dimension is Dimension.ORIGINAL}
    for suite, base in sorted(bases):
        states = init_states(suite, base)
        if len(np.unique(states, axis=0)) < len(states):
            raise CheckFailedError(
                f"Initial states of {suite}/{base} repeat, so episodes would too. Install LIBERO-Plus' package again."
            )
    return f"{len(bases)} base tasks, all initial states different"


CHECKS = (
    Check("versions", _versions),
    Check("init_states", _init_states),
    Check("settling", _settling),
    Check("renderer", _renderer),
    Check("cameras", _cameras),
    Check("shapes", _shapes),
    Check("gripper", _gripper),
    Check("motion", _motion),
    Check("grasp", _grasp),
    Check("unsolved", _unsolved),
    Check("prompt", _prompt),
)


class _Hand(NamedTuple):
    """Where the policy would see the robot's hand: share of the frame, and height from 0 (bottom) to 1."""

    share: float
    height: float


def _hand(context: CheckContext, camera: str) -> _Hand:
    """Find the hand by drawing the same scene without it."""
    simulator: Any = context.simulator
    simulator.reset(_first(context))
    shown = _shown(context, camera)
    simulator.reset(_first(context))
    with _hidden_hand(simulator.environment.sim.model._model):
        hidden = _shown(context, camera)
    changed = np.abs(shown.astype(int) - hidden).max(axis=-1) > CHANGED
    if not changed.any():
        return _Hand(0.0, 0.0)
    return _Hand(float(changed.mean()), 1 - float(np.argwhere(changed)[:, 0].mean()) / len(changed))


def _shown(context: CheckContext, camera: str) -> Image:
    observation = context.simulator.observe()
    seen = getattr(context.policy, "seen", None)
    image = (seen(observation) if seen else observation).images[camera]
    # Models that learn with torch take their frames as (3, height, width).
    return np.moveaxis(image, 0, -1) if image.shape[0] == 3 else image


@contextmanager
def _hidden_hand(model: Any) -> Iterator[None]:
    parts = ("gripper0_", "robot0_right_hand")
    hand = [g for g in range(model.ngeom) if model.body(int(model.geom_bodyid[g])).name.startswith(parts)]
    groups = model.geom_group[hand].copy()
    model.geom_group[hand] = 5  # a group that no camera draws
    try:
        yield
    finally:
        model.geom_group[hand] = groups


def _still(context: CheckContext, observation: Observation) -> Actions:
    """The arm's part of an action that leaves it where it is."""
    if context.profile.control == "delta":
        return np.asarray(context.profile.settle_action[:-1])
    return assembler(("controller_pos", "controller_axis_angle"))(observation.state)


def _prompted(context: CheckContext) -> list[Task]:
    """One playable task of each dimension that the run draws from; without any, of the first suite."""
    drawn = context.tasks or [task for task in tasks() if not task.blocked and task.suite == SUITES[0]]
    return list({task.dimension: task for task in drawn}.values())


def _first(context: CheckContext) -> Task:
    """An unperturbed task of a suite that the run draws from."""
    suite = context.tasks[0].suite if context.tasks else SUITES[0]
    return next(task for task in tasks() if task.dimension is Dimension.ORIGINAL and task.suite == suite)
