"""The lights of a compiled scene under a perturbation: LIBERO-Plus' light tasks change the same four attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.lighting import tilted
from pytest_robustplus.perturbations import Light


def shine(model: Any, light: Light) -> None:
    """Change every light of the scene, but the dim one at the camera; takes effect with the next forward dynamics."""
    if light.is_identity:
        return
    strength = np.asarray(light.colour) * light.intensity
    model.light_diffuse[:] *= strength
    model.light_ambient[:] *= strength
    model.light_specular[:] = np.clip(model.light_specular + light.specular, 0, 1)
    if light.tilt:
        for number in range(model.nlight):
            model.light_dir[number] = tilted(model.light_dir[number], light)
    if light.shadow:
        model.light_castshadow[:] = ~model.light_castshadow.astype(bool)
