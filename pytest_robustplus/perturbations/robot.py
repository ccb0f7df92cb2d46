"""Where the arm begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single

JOINTS = 7
_UNIT = 1e-12


@dataclass(frozen=True, slots=True, repr=False)
class Robot(Single):
    """Joints that begin off their usual place, by ``radius`` (L2 norm, radians) along ``direction``, and the gripper.

    ``direction`` has one number per joint of an arm, is made a unit vector, and may not be zero; a robot of two arms
    has both moved alike, or each its own way by twice as many numbers, left before right, ``radius`` then being the
    root mean square over the arms. An arm of six joints leaves the seventh number out and goes all of ``radius`` along
    the others. ``gripper`` is how far the fingers begin from their usual opening towards closed (0–1).

    The ranges cover LIBERO-Plus (.1–.5 rad) and RoboTwin 2.0-Plus (N(0, .1) a joint, clipped at ±.225: norm ≤ .6).
    """

    dimension: ClassVar[Dimension] = Dimension.ROBOT
    scales: ClassVar = {
        "radius": Scale(0.0, 0.6, 0.0, "rad", 0.01),
        "gripper": Scale(0.0, 1.0, 0.0, "", 0.05),
    }

    radius: float = 0.0
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    gripper: float = 0.0

    def __post_init__(self) -> None:
        super(Robot, self).__post_init__()
        norm = math.hypot(*self.direction)
        if len(self.direction) not in (JOINTS, 2 * JOINTS) or not math.isfinite(norm) or norm == 0:
            raise ValueError(
                f"Robot.direction must be {JOINTS} finite numbers, or {2 * JOINTS} for two arms, not all 0, not"
                f" {self.direction!r}."
            )
        norm /= math.sqrt(self.arms)
        if abs(norm - 1) > _UNIT:  # dividing again would change the last bit, and so what repr rebuilds
            object.__setattr__(self, "direction", tuple(number / norm for number in self.direction))

    @property
    def arms(self) -> int:
        """How many arms ``direction`` tells apart: 1, or 2."""
        return len(self.direction) // JOINTS

    @property
    def offset(self) -> tuple[float, ...]:
        """What is added to each joint, in radians, arm after arm."""
        return tuple(self.radius * number for number in self.direction)
