"""The two arms in a SAPIEN scene: built link by link, driven by 14 joint targets, asked for poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sapien
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.assembly import Look, assembled
from pytest_robustplus.benchmarks.bimanual.viperx import FINGER_CLOSED, FINGER_OPEN, FINGERS, JOINTS

SIDES = ("left", "right")
ACTION_WIDTH = 14
ARM_WIDTH = 7
# ALOHA's rest with the wrist pitched down, so that the hands begin over the table, clear of it.
HOME = (0.0, -0.96, 1.16, 0.0, 0.9, 0.0)
HOME_ACTION = (*HOME, 1.0, *HOME, 1.0)
BASES = {"left": (-0.30, -0.42), "right": (0.30, -0.42)}
# Fingertips, where the pads hold something, in the gripper's frame.
TIP = sapien.Pose([0.135, 0.0, 0.0])
GRIPPER = "gripper_link"

_ARM_DRIVE = (1000.0, 120.0, 200.0)  # stiffness, damping, force limit
_FINGER_DRIVE = (1000.0, 60.0, 40.0)
# Turned so that its x axis points along the world's y.
FORWARD = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]

Vector = NDArray[np.float64]


class Solution(NamedTuple):
    """Six joint angles (radians), and whether they reach the pose."""

    angles: Vector
    reached: bool


class Arm:
    """One ViperX 300 on the table's near edge, facing away from it."""

    def __init__(self, scene: Any, side: str, height: float, drawn: Look | None) -> None:
        self.side = side
        components = assembled(scene, sapien.Pose([*BASES[side], height], FORWARD), drawn)
        self.articulation = components[0].articulation
        self._joints = {joint.name: joint for joint in self.articulation.active_joints}
        order = [joint.name for joint in self.articulation.active_joints]
        self._order = np.array([order.index(name) for name in JOINTS])
        self._fingers = np.array([order.index(name) for name in FINGERS])
        for name, joint in self._joints.items():
            stiffness, damping, force = _FINGER_DRIVE if name in FINGERS else _ARM_DRIVE
            joint.set_drive_properties(stiffness, damping, force_limit=force)
            joint.friction = 0.0
        self._drives = [self._joints[name] for name in JOINTS]
        self._finger_drives = [self._joints[name] for name in FINGERS]
        self.gripper = next(component for component in components if component.name == GRIPPER)
        self._low, self._high = np.array([joint.limits[0] for joint in self._drives]).T
        self._model: Any = None

    def place(self, values: Sequence[float] | Vector) -> None:
        """Put the arm at rest at seven values: six angles (radians) and the gripper, 0 closed to 1 open."""
        angles = np.zeros(len(self._joints))
        angles[self._order] = values[:6]
        width = _width(float(values[6]))
        angles[self._fingers] = width, -width
        self.articulation.qpos = angles
        self.articulation.qvel = np.zeros(len(self._joints))
        self.drive(values)

    def drive(self, values: Sequence[float] | Vector) -> None:
        """Set the seven targets of the joint controllers."""
        for joint, value in zip(self._drives, values, strict=False):
            joint.set_drive_target(float(value))
        width = _width(float(values[6]))
        self._finger_drives[0].set_drive_target(width)
        self._finger_drives[1].set_drive_target(-width)

    @property
    def values(self) -> Vector:
        """Where the arm is: six angles (radians) and the gripper's opening, 0 to 1 as it was built to open."""
        angles = self.articulation.qpos
        opening = (angles[self._fingers[0]] - FINGER_CLOSED) / (FINGER_OPEN - FINGER_CLOSED)
        return np.append(angles[self._order].astype(np.float64), float(opening))

    @property
    def tip(self) -> Any:
        """Pose of the fingertips' middle in the world: x is the approach axis, y the closing axis."""
        return self.gripper.entity_pose * TIP

    def solve(self, tip: Any, start: Vector) -> Solution:
        """Six angles that bring the fingertips to a pose, sought from ``start`` and from five other places."""
        if self._model is None:
            self._model = self.articulation.create_pinocchio_model()
        target = self.articulation.root_pose.inv() * tip * TIP.inv()
        free = np.zeros(len(self._joints), dtype=bool)
        free[self._order] = True
        first: Vector | None = None
        for attempt in range(6):
            guess = np.array(self.articulation.qpos, np.float64)
            guess[self._order] = start
            if attempt:
                guess[self._order] = HOME + np.random.default_rng(attempt).normal(0, 0.3, 6)
            found, converged, _ = self._model.compute_inverse_kinematics(
                self.gripper.index, target, guess, free, eps=1e-4, max_iterations=200, dt=0.1, damp=1e-6
            )
            angles = np.asarray(found, np.float64)[self._order]
            if converged and (angles >= self._low - 1e-3).all() and (angles <= self._high + 1e-3).all():
                return Solution(angles, True)
            first = angles if first is None else first
        assert first is not None
        return Solution(np.clip(first, self._low, self._high), False)


def _width(opening: float) -> float:
    return FINGER_CLOSED + min(max(opening, 0.0), 1.0) * (FINGER_OPEN - FINGER_CLOSED)
