"""Where the main camera stands and where it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single


@dataclass(frozen=True, slots=True, repr=False)
class Camera(Single):
    """A moved main camera.

    ``distance`` multiplies its distance to the pivot; ``azimuth`` (counter-clockwise seen from above) and ``elevation``
    (upwards) move it on the sphere about the pivot, looking at it as before; ``yaw`` (counter-clockwise), ``pitch``
    (downwards) and ``roll`` (clockwise seen from behind) then turn it on the spot; ``fov`` is added to its vertical
    field of view. Degrees.

    The ranges cover LIBERO-Plus (distance 1.01–2, azimuth ±75, elevation 0–15, turns ±10) and RoboTwin 2.0-Plus
    (distance .85–1, sphere ±10, turns ±5).
    """

    dimension: ClassVar[Dimension] = Dimension.CAMERA
    scales: ClassVar = {
        "distance": Scale(0.5, 2.0, 1.0, "×", 0.05, ratio=True),
        "azimuth": Scale(-75.0, 75.0, 0.0, "°", 1.0),
        "elevation": Scale(-30.0, 30.0, 0.0, "°", 1.0),
        "yaw": Scale(-15.0, 15.0, 0.0, "°", 0.5),
        "pitch": Scale(-15.0, 15.0, 0.0, "°", 0.5),
        "roll": Scale(-15.0, 15.0, 0.0, "°", 0.5),
        "fov": Scale(-15.0, 15.0, 0.0, "°", 0.5),
    }

    distance: float = 1.0
    azimuth: float = 0.0
    elevation: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    fov: float = 0.0
