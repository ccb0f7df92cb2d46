"""Where to take an object: around its narrowest width, or by its rim when it is wider than the gripper."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.oracle.arm import Pose, downward
from pytest_robustplus.benchmarks.libero_plus.oracle.scene import Scene, Vector

# The fingers open to 80 mm; 5 mm are left for the controller's error.
_WIDEST = 0.075
_RIM_DEPTH = 0.022
_RIM_INSET = 0.006
_SWEEP = np.radians(np.arange(-90, 91, 5))
_RIM_SWEEP = np.radians(np.arange(-90, 91, 15))


class Grasp(NamedTuple):
    """A pose that holds an object, and the height of the object's top in metres."""

    pose: Pose
    top: float


def closing_axis(yaw: float) -> Vector:
    """Direction in the plane along which the fingers of a downward gripper close."""
    axis: Vector = downward(yaw)[:2, 0]
    return axis


def around(points: Vector) -> Grasp | None:
    """Grasp the whole object across its least width, preferring small yaws; None if it is too wide."""
    low, high = points.min(0), points.max(0)
    widths = np.array([np.ptp(points[:, :2] @ closing_axis(yaw)) for yaw in _SWEEP])
    # 2 cm of width outweigh 90 degrees of wrist rotation.
    best = int(np.argmin(widths + 0.02 * np.abs(_SWEEP) / (np.pi / 2)))
    if widths[best] >= _WIDEST:
        return None
    height = high[2] - low[2]
    z = max(low[2] + 0.012, high[2] - 0.035) if height > 0.05 else (low[2] + high[2]) / 2 - 0.003
    yaw = float(_SWEEP[best])
    return Grasp(Pose(np.array([*_middle(points, yaw), z]), downward(yaw)), float(high[2]))


def by_rim(scene: Scene, body: int, points: Vector) -> Grasp:
    """Straddle the wall of a bowl or mug, on the side where fingers and hand have the most free space."""
    top = float(points[:, 2].max())
    rim = points[points[:, 2] > top - 0.012][:, :2]
    ignored = scene.subtree(body)

    def cost(yaw: float, side: int) -> float:
        spot = _rim_point(points, rim, yaw, side)
        crowding = _crowding(scene, spot, closing_axis(yaw) * side, top - _RIM_DEPTH, top + 0.12, ignored)
        return 5.0 * crowding + 0.02 * abs(yaw) / (np.pi / 2) + (0.002 if side < 0 else 0.0)

    candidates = [(float(yaw), side) for yaw in _RIM_SWEEP for side in (1, -1)]
    yaw, side = min(candidates, key=lambda candidate: cost(*candidate))
    spot = _rim_point(points, rim, yaw, side)
    return Grasp(Pose(np.array([*spot, top - _RIM_DEPTH]), downward(yaw)), top)


def plan(scene: Scene, name: str) -> Grasp:
    """Choose the grasp of a free object from its collision shape as it lies now."""
    body = scene.body(name)
    points = scene.hull(body)
    return around(points) or by_rim(scene, body, points)


def _middle(points: Vector, yaw: float) -> Vector:
    """Centre of the bounding rectangle whose sides follow the closing axis."""
    axis = closing_axis(yaw)
    frame = np.stack([axis, np.array([-axis[1], axis[0]])])
    spans = points[:, :2] @ frame.T
    middle: Vector = ((spans.max(0) + spans.min(0)) / 2) @ frame
    return middle


def _rim_point(points: Vector, rim: Vector, yaw: float, side: int) -> Vector:
    outward = closing_axis(yaw) * side
    middle = _middle(points, yaw)
    radius = np.max((rim - middle) @ outward) - _RIM_INSET
    spot: Vector = middle + outward * radius
    return spot


def _crowding(
    scene: Scene, spot: Vector, outward: Vector, depth: float, ceiling: float, ignored: frozenset[int]
) -> float:
    """Metres by which neighbours reach into the space of the outer finger and of the hand above it."""
    across = np.array([-outward[1], outward[0]])

    def intrusion(along: float, aside: float, floor: float) -> float:
        return max(0.0, scene.surface(spot + outward * along + across * aside, ceiling, ignored) - floor)

    finger = sum(intrusion(a, b, depth - 0.012) for a in (0.03, 0.045, 0.06) for b in (-0.012, 0.0, 0.012))
    hand = sum(intrusion(a, b, depth + 0.08) for a in (-0.1, 0.1, 0.06, -0.06) for b in (-0.03, 0.03))
    return finger + hand
