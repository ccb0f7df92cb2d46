"""What must hold before ManiSkill's tasks are worth playing."""

from __future__ import annotations

import numpy as np

from pytest_robustplus.benchmarks import plausible
from pytest_robustplus.benchmarks.checks import begun, check_motion, check_renderer, check_shape
from pytest_robustplus.benchmarks.contract import Check, CheckContext, Task
from pytest_robustplus.benchmarks.maniskill.catalogue import ONE_ARM
from pytest_robustplus.benchmarks.maniskill.tasks import listed
from pytest_robustplus.benchmarks.rendering import BROKEN
from pytest_robustplus.errors import CheckFailedError, CheckSkipped
from pytest_robustplus.perturbations import Dimension


def _placements(context: CheckContext) -> str:
    hashes = []
    for seed in (0, 1, 0):
        context.simulator.reset(listed(_base(context), Dimension.ORIGINAL, seed))
        hashes.append(context.simulator.state_hash())
    if hashes[0] != hashes[2] or hashes[0] == hashes[1]:
        raise CheckFailedError(
            f"A seed of {_base(context)} does not settle its placement. Install the tested ManiSkill:"
            " pip install 'pytest-robustplus[maniskill]'."
        )
    return "a seed settles the placement"


def _renderer(context: CheckContext) -> str:
    return check_renderer(context, _first(context), BROKEN)


def _shapes(context: CheckContext) -> str:
    return check_shape(context, begun(context, _first(context)), " (arm after arm, gripper last).")


def _motion(context: CheckContext) -> str:
    _need_deltas(context)
    grippers = list(context.profile.gripper_columns)
    return check_motion(context, _first(context), lambda chunk, _: plausible.deltas(np.delete(chunk, grippers, axis=1)))


def _unsolved(context: CheckContext) -> str:
    _need_deltas(context)
    task = _first(context)
    begun(context, task)
    still = np.zeros(context.simulator.action_width)
    still[list(context.profile.gripper_columns)] = 1.0
    return plausible.unsolved(context.simulator.step(still, render=False), task.name)


def _need_deltas(context: CheckContext) -> None:
    if context.profile.control != "delta":
        raise CheckSkipped("the policy's actions are no deltas, of which it is known what stands still")


CHECKS = (
    Check("placements", _placements),
    Check("renderer", _renderer),
    Check("shapes", _shapes),
    Check("motion", _motion),
    Check("unsolved", _unsolved),
)


def _base(context: CheckContext) -> str:
    return context.tasks[0].base if context.tasks else next(iter(ONE_ARM))


def _first(context: CheckContext) -> Task:
    return listed(_base(context), Dimension.ORIGINAL, 0)
