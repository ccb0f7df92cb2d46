"""What must hold before RoboTwin is worth playing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.benchmarks import plausible
from pytest_robustplus.benchmarks.checks import (
    Demonstration,
    begun,
    check_grasp,
    check_motion,
    check_renderer,
    check_shape,
)
from pytest_robustplus.benchmarks.contract import Check, CheckContext, Task
from pytest_robustplus.benchmarks.two_arms import CLOSED, GRIPPERS
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.perturbations import Dimension


def _checkout(context: CheckContext) -> str:
    simulator: Any = context.simulator
    facts = simulator.provenance()
    return f"{facts['checkout']}; Python {facts['python']}, SAPIEN {facts['sapien']}"


def _limits(context: CheckContext) -> str:
    simulator: Any = context.simulator
    theirs, ours = simulator.limits, context.profile.horizons
    differ = [
        f"{base} {ours[base]}, there {theirs[base]}" for base in ours if theirs.get(base, ours[base]) != ours[base]
    ]
    if differ:
        raise CheckFailedError(
            f"The profile's horizons are not the step limits of {simulator.checkout.folder}: {'; '.join(differ)}."
            " RoboTwin executes nothing beyond its own; correct horizons in [profile.robotwin_plus] or the checkout's"
            " _eval_step_limit.yml."
        )
    return f"{len(ours)} step limits as in the profile"


def _expert(context: CheckContext) -> str:
    simulator: Any = context.simulator
    for _ in simulator.prepare(_first(context)):
        pass
    seed = simulator.verified
    skipped = f", {len(seed.skipped)} left out before it" if seed.skipped else ""
    return f"the expert solves {seed.scene.task} in {seed.scene.configuration}: seed {seed.scene.seed}{skipped}"


def _renderer(context: CheckContext) -> str:
    return check_renderer(
        context,
        _first(context),
        "The Vulkan driver is broken here: set VK_ICD_FILENAMES to another one's manifest, or update it.",
    )


def _shapes(context: CheckContext) -> str:
    observation = begun(context, _first(context))
    size = context.profile.frame_size
    for camera, image in observation.images.items():
        if image.shape[:2] != size:
            raise CheckFailedError(
                f"RoboTwin's {camera} draws {image.shape[0]} × {image.shape[1]} pixels, the profile says {size[0]} ×"
                f" {size[1]}. Set its camera's type in task_config, or image_size and image_width of the profile."
            )
    return check_shape(context, observation, ", left arm first, each arm's gripper behind it.")


def _motion(context: CheckContext) -> str:
    return check_motion(context, _first(context), plausible.two_arms)


def _grasp(context: CheckContext) -> str:
    if context.profile.action_space != "joint":
        raise CheckSkipped("the expert's path is of joints, and this policy's actions are poses")
    simulator: Any = context.simulator
    task = _first(context)
    simulator.reset(task)
    path = simulator.verified.found.path
    if path is None:
        raise CheckSkipped("the expert left no path on this seed")
    return check_grasp(context, [Demonstration(task, path, path[:, GRIPPERS] < CLOSED)], plausible.two_arms)


def _unsolved(context: CheckContext) -> str:
    task = _first(context)
    state = begun(context, task).state
    still = joints = np.asarray(state["joint_pos"])
    if context.profile.action_space == "eef":
        left, right = joints[GRIPPERS]
        still = np.concatenate([state["left_endpose"], [left], state["right_endpose"], [right]])
    return plausible.unsolved(context.simulator.step(still, render=False), task.name)


CHECKS = (
    Check("checkout", _checkout),
    Check("limits", _limits),
    Check("expert", _expert),
    Check("renderer", _renderer),
    Check("shapes", _shapes),
    Check("motion", _motion),
    Check("grasp", _grasp),
    Check("unsolved", _unsolved),
)


def _first(context: CheckContext) -> Task:
    found = (task for task in context.tasks if task.dimension is Dimension.ORIGINAL and task.init_state == 0)
    task = next(found, None) or next(iter(context.tasks), None)
    if task is None:
        raise CheckSkipped("none of the tasks can be played")
    return task
