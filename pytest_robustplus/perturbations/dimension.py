"""The names of the seven dimensions."""

from __future__ import annotations

from enum import StrEnum


class Dimension(StrEnum):
    """A column of a robustness table; ``ORIGINAL`` is the benchmark without perturbation."""

    ORIGINAL = "original"
    CAMERA = "camera"
    ROBOT = "robot"
    LANGUAGE = "language"
    LIGHT = "light"
    BACKGROUND = "background"
    NOISE = "noise"
    LAYOUT = "layout"


PERTURBATIONS: tuple[Dimension, ...] = tuple(d for d in Dimension if d is not Dimension.ORIGINAL)
