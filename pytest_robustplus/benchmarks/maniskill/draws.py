"""What an episode of a dimension is perturbed by, drawn from its seed in the ranges of both published benchmarks."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from pytest_robustplus.benchmarks.maniskill.catalogue import wording
from pytest_robustplus.perturbations import (
    Background,
    Camera,
    Combined,
    Dimension,
    Language,
    Light,
    Noise,
    Perturbation,
    Robot,
)
from pytest_robustplus.perturbations.language import REWRITES
from pytest_robustplus.perturbations.noise import NOISES
from pytest_robustplus.perturbations.rewording import reword

_DIGITS = 4


class Variant(NamedTuple):
    """What a task of the list is perturbed by, and how the list tells of it."""

    perturbation: Perturbation
    kind: str = ""


def draw(base: str, dimension: Dimension, seed: int) -> Variant:
    """Draw the perturbation of one episode; equal arguments draw alike, whatever else is drawn."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(f"{base}/{dimension}".encode())]))

    def within(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), _DIGITS)

    match dimension:
        case Dimension.CAMERA:
            camera = Camera(
                distance=within(0.85, 1.25),
                azimuth=within(-30, 30),
                elevation=within(-10, 15),
                yaw=within(-5, 5),
                pitch=within(-5, 5),
                roll=within(-5, 5),
            )
            return Variant(camera, "sphere and turns")
        case Dimension.ROBOT:
            direction = tuple(float(part) for part in rng.normal(size=7))
            return Variant(Robot(radius=within(0.1, 0.5), direction=direction), "joints")
        case Dimension.LANGUAGE:
            return _reworded(base, int(rng.integers(1, 5)), seed)
        case Dimension.LIGHT:
            light = Light(
                colour=(within(0.2, 2), within(0.2, 2), within(0.2, 2)), tilt=within(8, 70), heading=within(0, 360)
            )
            return Variant(light, "colour and direction")
        case Dimension.BACKGROUND:
            background = Background(
                table=int(rng.integers(2**31)),
                floor=int(rng.integers(2**31)),
                table_tint=(within(0.4, 1.8), within(0.4, 1.8), within(0.4, 1.8)),
                floor_tint=(within(0.3, 1), within(0.3, 1), within(0.3, 1)),
            )
            return Variant(background, "textures and tints")
        case Dimension.NOISE:
            noise = NOISES[seed % len(NOISES)]
            return Variant(Noise(kind=noise, level=float(rng.integers(1, 6))), noise)
    return Variant(Combined())


def _reworded(base: str, amount: int, seed: int) -> Variant:
    """The kinds take turns; one that finds nothing to change in this wording gives its turn to the next."""
    first = seed % len(REWRITES)
    kinds = (*REWRITES[first:], *REWRITES[:first])
    changes = (Language(kind=kind, amount=amount, seed=seed) for kind in kinds)
    language = next(change for change in changes if reword(wording(base), change) != wording(base))
    return Variant(language, language.kind)
