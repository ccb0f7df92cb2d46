"""Textures drawn from a seed, in place of RoboTwin's 11 GB of photographs: noise, checks, stripes and grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.draws import Pattern

SIZE = 128
_OCTAVES = (4, 8, 16, 32)


def texture(pattern: Pattern, tint: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Return (128, 128, 4) uint8, multiplied by ``tint``; equal seeds look alike."""
    import cv2

    rng = np.random.default_rng(np.random.SeedSequence(pattern.seed))
    base = rng.uniform(60, 200, 3)
    picture = np.zeros((SIZE, SIZE, 3))
    for octave in _OCTAVES:
        coarse = rng.normal(0, 1, (octave, octave, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) * (60 / np.sqrt(octave))
    rows, columns = np.mgrid[:SIZE, :SIZE]
    period = rng.uniform(5, 16)
    match int(rng.integers(3)):
        case 0:
            picture += 35 * (np.sign(np.sin(rows / period)) * np.sign(np.sin(columns / period)))[..., None]
        case 1:
            picture += 35 * np.sin(columns / period + 2 * np.sin(rows / (4 * period)))[..., None]
    drawn = base + picture
    if pattern.blend < 1:
        drawn = pattern.blend * drawn + (1 - pattern.blend) * 255 * np.array(pattern.beneath)
    coloured = (drawn * np.array(tint)).clip(0, 255).astype(np.uint8)
    return np.dstack([coloured, np.full((SIZE, SIZE), 255, np.uint8)])
