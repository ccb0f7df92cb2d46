"""Slide something flat across the table: closed fingers inside its rim lead, and it follows."""

from __future__ import annotations

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.oracle.arm import CLOSED, Arm, Motion, Pose, downward
from pytest_robustplus.benchmarks.libero_plus.oracle.grasp import WIDEST
from pytest_robustplus.benchmarks.libero_plus.oracle.scene import Goal, Scene, Vector

_FLAT = 0.03
_STEPS = 120
_MARGIN_STEPS = 3
_UP = np.array([0.0, 0.0, 1.0])


def draggable(scene: Scene, goal: Goal) -> bool:
    """Whether the goal moves a flat object, too wide to grip, to a region of the table that it lies on."""
    predicate, name, target = goal
    size = np.ptp(scene.hull(scene.body(name)), axis=0)
    flat = size[2] < _FLAT and min(size[:2]) > WIDEST
    return bool(predicate == "on" and flat and scene.is_region(target) and not scene.is_on_fixture(target))


def drag(scene: Scene, arm: Arm, goal: Goal) -> Motion:
    """Lower closed fingers into the middle of the object and lead it to its goal."""
    _, name, target = goal

    def way() -> Vector:
        offset = scene.position(target) - scene.position(name)
        offset[2] = 0.0
        return offset

    points = scene.hull(scene.body(name))
    middle = (points.min(0) + points.max(0)) / 2
    floor = scene.surface(middle, points[:, 2].max() + 0.1, frozenset())
    inside = Pose(np.array([*middle[:2], floor + 0.005]), downward(_across(way())))
    yield from arm.reach(inside.moved(_UP * 0.1), CLOSED, tolerance=0.02, steps=60)
    yield from arm.reach(inside, CLOSED, tolerance=0.008, steps=40, speed=0.8)
    left = _MARGIN_STEPS
    for _ in range(_STEPS):
        ahead = way()
        lead = arm.pose.position + ahead / max(float(np.linalg.norm(ahead)), 1e-6) * 0.03
        yield arm.action(Pose(np.array([*lead[:2], inside.position[2]]), inside.rotation), CLOSED, speed=0.7)
        left -= scene.satisfied(goal)
        if not left:
            break
    yield from arm.reach(arm.pose.moved(_UP * 0.1), CLOSED, tolerance=0.02, steps=20)


def _across(heading: Vector) -> float:
    """Yaw within a quarter turn at which the fingers close across ``heading``."""
    yaw = float(np.arctan2(heading[1], heading[0]))
    return (yaw + np.pi / 2) % np.pi - np.pi / 2
