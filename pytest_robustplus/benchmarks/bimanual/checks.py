"""What must hold before the bimanual benchmark is worth playing."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.benchmarks import demo_replay, plausible
from pytest_robustplus.benchmarks.bimanual.benchmark import DEMONSTRATIONS
from pytest_robustplus.benchmarks.bimanual.draws import FIRST_SEED
from pytest_robustplus.benchmarks.bimanual.goals import GOALS
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.tasks import listed
from pytest_robustplus.benchmarks.checks import (
    Demonstration,
    begun,
    check_grasp,
    check_motion,
    check_renderer,
    check_shape,
)
from pytest_robustplus.benchmarks.contract import Check, CheckContext, Task
from pytest_robustplus.benchmarks.rendering import BROKEN
from pytest_robustplus.benchmarks.two_arms import CLOSED, GRIPPERS
from pytest_robustplus.errors import CheckFailedError
from pytest_robustplus.perturbations import Dimension

_GRIPPER_STEPS = 12
_STILL_STEPS = 10
_DRIFT_M = 0.005


def _renderer(context: CheckContext) -> str:
    return check_renderer(context, _first(context), BROKEN)


def _stable(context: CheckContext) -> str:
    simulator: Any = context.simulator
    for base in GOALS:
        simulator.reset(listed(base, Dimension.ORIGINAL, FIRST_SEED, BimanualProtocol()))
        names = [body.name for body in GOALS[base].bodies(np.random.default_rng(0))]
        before = [simulator.scene.position(name) for name in names]
        hold = simulator.scene.values
        for _ in range(_STILL_STEPS):
            simulator.step(hold, render=False)
        moved = max(
            float(np.linalg.norm(simulator.scene.position(name) - place))
            for name, place in zip(names, before, strict=True)
        )
        if moved > _DRIFT_M:
            raise CheckFailedError(
                f"In {base} an object moves {1000 * moved:.0f} mm while nobody touches it. Install the tested SAPIEN:"
                " pip install sapien==3.0.3."
            )
    return f"nothing moves by itself in {len(GOALS)} scenes"


def _shapes(context: CheckContext) -> str:
    return check_shape(context, begun(context, _first(context)), " (left arm 6, gripper, right arm 6, gripper).")


def _gripper(context: CheckContext) -> str:
    simulator: Any = context.simulator
    simulator.reset(_first(context))
    action = simulator.scene.values
    for value, wanted in ((0.0, "closed"), (1.0, "open")):
        action[[6, 13]] = value
        for _ in range(_GRIPPER_STEPS):
            simulator.step(action, render=False)
        reached = simulator.scene.values[[6, 13]]
        if np.abs(reached - value).max() > 0.2:
            raise CheckFailedError(f"Asked for {value:g} ({wanted}), the grippers went to {reached.round(2)}.")
    return "0 closes the grippers, 1 opens them"


def _motion(context: CheckContext) -> str:
    return check_motion(context, _first(context), plausible.two_arms)


def _grasp(context: CheckContext) -> str:
    task = _first(context)
    tape = demo_replay.load(DEMONSTRATIONS)[demo_replay.key(task)].astype(np.float64)
    return check_grasp(context, [Demonstration(task, tape, tape[:, GRIPPERS] < CLOSED)], plausible.two_arms)


def _unsolved(context: CheckContext) -> str:
    task = _first(context)
    observation = begun(context, task)
    return plausible.unsolved(
        context.simulator.step(np.asarray(observation.state["joint_pos"]), render=False), task.name
    )


CHECKS = (
    Check("stable", _stable),
    Check("renderer", _renderer),
    Check("shapes", _shapes),
    Check("gripper", _gripper),
    Check("motion", _motion),
    Check("grasp", _grasp),
    Check("unsolved", _unsolved),
)


def _first(context: CheckContext) -> Task:
    base = context.tasks[0].base if context.tasks else next(iter(GOALS))
    return listed(base, Dimension.ORIGINAL, FIRST_SEED, BimanualProtocol())
