"""What the ten severities of LIBERO-Plus' five sensor noises are, and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pytest_robustplus.perturbations import Noise
from pytest_robustplus.perturbations.noise import NOISES

SEVERITIES = 10


class _Ladder(NamedTuple):
    """One noise: its parameters, which of them are whole numbers, none of it, and severities 1 to 10."""

    names: tuple[str, ...]
    whole: tuple[bool, ...]
    none: tuple[float, ...]
    rungs: tuple[tuple[float, ...], ...]


# In the order of LIBERO-Plus' ids 1-50; units are pixels of the 256 × 256 frame. Zoom blends frames enlarged from 1 up
# to the limit, which itself is left out.
_LADDERS = {
    "motion blur": _Ladder(
        ("radius_px", "sigma_px"),
        (False, False),
        (5, 0),
        ((5, 2), (8, 3), (10, 4), (12, 5), (15, 6), (18, 8), (20, 10), (25, 12), (30, 15), (35, 20)),
    ),
    "gaussian blur": _Ladder(("sigma_px",), (False,), (0,), tuple((sigma,) for sigma in range(1, 11))),
    "zoom blur": _Ladder(
        ("zoom_limit", "zoom_step"),
        (False, False),
        (1, 0.01),
        (
            (1.11, 0.01),
            (1.16, 0.01),
            (1.21, 0.02),
            (1.26, 0.02),
            (1.31, 0.03),
            (1.36, 0.01),
            (1.41, 0.01),
            (1.46, 0.02),
            (1.51, 0.02),
            (1.56, 0.03),
        ),
    ),
    "fog": _Ladder(
        ("thickness", "roughness_decay"),
        (False, False),
        (0, 3),
        (
            (0.5, 3),
            (1.0, 2.8),
            (1.5, 2.5),
            (2.0, 2.2),
            (2.5, 2.0),
            (3.0, 1.8),
            (3.5, 1.6),
            (4.0, 1.5),
            (4.5, 1.4),
            (5.0, 1.3),
        ),
    ),
    "glass blur": _Ladder(
        ("sigma_px", "shift_px", "iterations"),
        (False, True, True),
        (0, 0, 3),
        (
            (0.5, 1, 3),
            (0.7, 1, 3),
            (0.9, 2, 3),
            (1.0, 2, 2),
            (1.1, 3, 2),
            (1.3, 3, 2),
            (1.5, 4, 2),
            (1.8, 4, 2),
            (2.2, 5, 1),
            (2.5, 5, 1),
        ),
    ),
}
KINDS = tuple(_LADDERS)
_LEVELS = Noise.scales["level"].high / SEVERITIES


def parameters(kind: str, severity: float) -> Mapping[str, float]:
    """Return a noise's parameters: the official ones at severities 1 to 10, interpolated between, no noise at 0."""
    names, whole, none, rungs = _LADDERS[kind]
    steps = range(SEVERITIES + 1)
    between = [float(np.interp(severity, steps, column)) for column in zip(none, *rungs, strict=True)]
    return {name: round(value) if counts else value for name, value, counts in zip(names, between, whole, strict=True)}


def severity(noise: Noise) -> float:
    """A noise's place on LIBERO-Plus' scale of ten severities, which need not be a whole one."""
    return noise.level / _LEVELS


def as_noise(kind: str, severity: float) -> Noise:
    """LIBERO-Plus' noise as a value."""
    return Noise(NOISES[KINDS.index(kind)], _LEVELS * severity)
