"""The arm under LIBERO's controller: poses of the fingertips in, OSC_POSE deltas out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from pytest_robustplus.benchmarks.libero_plus.expert.scene import SceneView, Vector

Motion = Iterator[Vector]

OPEN, CLOSED = -1.0, 1.0
STILL: Vector = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, OPEN])

# The controller scales a unit action to 5 cm and 0.5 rad. The gains are the largest that reach without overshoot.
_POSITION_GAIN = 2.0 / 0.05
_ROTATION_GAIN = 1.5 / 0.5
_ANGLE_TOLERANCE = 0.12

# The controller has no integral term: a loaded arm can come to rest about 1 cm short, for good.
_PROGRESS = 0.0005
_STALLED = 8
_METRES_PER_RADIAN = 0.05


class Pose(NamedTuple):
    """Fingertips in the world: metres, and a (3, 3) rotation whose x is the closing axis and z the approach axis."""

    position: Vector
    rotation: Vector

    def moved(self, offset: Vector) -> Pose:
        return Pose(self.position + offset, self.rotation)


Target = Pose | Callable[[], Pose]


def downward(yaw: float) -> Vector:
    """Rotation of a gripper that points down; at yaw 0 the fingers close along the world's y, as in LIBERO's home."""
    home = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    rotation: Vector = Rotation.from_euler("z", yaw).as_matrix() @ home
    return rotation


class Arm:
    """Closed-loop motions of the fingertips, each an iterator of 7-D actions."""

    def __init__(self, scene: SceneView) -> None:
        self.scene = scene

    @property
    def pose(self) -> Pose:
        data, site = self.scene.data, self.scene.grip_site
        return Pose(np.array(data.site_xpos[site]), np.array(data.site_xmat[site]).reshape(3, 3))

    def action(self, target: Pose, grip: float, speed: float = 1.0) -> Vector:
        """One proportional step towards ``target``; ``speed`` caps the translation as a fraction of full speed."""
        here = self.pose
        action = np.empty(7)
        action[:3] = np.clip((target.position - here.position) * _POSITION_GAIN, -speed, speed)
        action[3:6] = np.clip(_turn(here, target) * _ROTATION_GAIN, -1.0, 1.0)
        action[6] = grip
        return action

    def reach(self, target: Target, grip: float, *, tolerance: float, steps: int, speed: float = 1.0) -> Motion:
        """Go until within ``tolerance`` metres and 7 degrees of ``target``, until stuck, or for ``steps`` steps."""
        best, since = float("inf"), 0
        for _ in range(steps):
            pose = target() if callable(target) else target
            here = self.pose
            distance = float(np.linalg.norm(pose.position - here.position))
            angle = float(np.linalg.norm(_turn(here, pose)))
            gap = distance + _METRES_PER_RADIAN * angle
            best, since = (gap, 0) if gap < best - _PROGRESS else (best, since + 1)
            if (distance < tolerance and angle < _ANGLE_TOLERANCE) or since > _STALLED:
                return
            yield self.action(pose, grip, speed)

    def dwell(self, pose: Pose, grip: float, steps: int) -> Motion:
        """Stay at ``pose`` while the fingers open or close."""
        for _ in range(steps):
            yield self.action(pose, grip)


def _turn(here: Pose, there: Pose) -> Vector:
    vector: Vector = Rotation.from_matrix(there.rotation @ here.rotation.T).as_rotvec()
    return vector
