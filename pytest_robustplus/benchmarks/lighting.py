"""Directions of lights under a perturbation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.perturbations import Light

_ALIGNED = 1e-6


def tilted(direction: NDArray[np.float64], light: Light) -> NDArray[np.float64]:
    """Where a light that shines along ``direction``, a unit vector, shines under ``light``."""
    heading, tilt = np.radians([light.heading, light.tilt])
    sideways = np.array([np.cos(heading), np.sin(heading), 0.0])
    sideways -= direction * (direction @ sideways)
    if np.linalg.norm(sideways) < _ALIGNED:  # a horizontal light that shines along the heading already
        return direction
    turned: NDArray[np.float64] = np.cos(tilt) * direction + np.sin(tilt) * sideways / np.linalg.norm(sideways)
    return turned
