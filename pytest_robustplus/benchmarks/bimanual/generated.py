"""What ``Task.perturbation`` makes of an episode's setup: the same setup where it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.bimanual.draws import (
    WHITE,
    Lighting,
    Pattern,
    Setup,
    Start,
    Surfaces,
    View,
)
from pytest_robustplus.benchmarks.bimanual.goals import Triple
from pytest_robustplus.benchmarks.bimanual.layouts import arranged
from pytest_robustplus.benchmarks.bimanual.noise import sensor_noise
from pytest_robustplus.benchmarks.lighting import tilted
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Background, Camera, Layout, Light, Noise, Perturbation, Robot, part
from pytest_robustplus.perturbations.background import SURFACES
from pytest_robustplus.perturbations.robot import JOINTS

_ARM_JOINTS = 6
_CLOSED = 0.05  # as S2 has it; pads that begin at 0 are stuck in each other


def perturbed(setup: Setup, perturbation: Perturbation | None, clear: Sequence[Triple], where: str) -> Setup:
    """Return the setup under ``perturbation``, but for its words; ``clear`` are places that distractors leave free.

    Raises ``BadInputError`` for what these scenes cannot show; ``where`` says in it who asked.
    """
    if perturbation is None:
        return setup
    noise = part(perturbation, Noise)
    moved = replace(setup, view=_moved(setup.view, part(perturbation, Camera)))
    return replace(
        arranged(moved, part(perturbation, Layout), clear),
        start=_offset(setup.start, part(perturbation, Robot), where),
        lighting=_lit(setup.lighting, part(perturbation, Light)),
        surfaces=_painted(setup.surfaces, part(perturbation, Background), where),
        noises=(*setup.noises, *([sensor_noise(noise)] if noise.level else [])),
    )


def _moved(view: View, camera: Camera) -> View:
    return View(
        distance=view.distance * camera.distance,
        **{name: getattr(view, name) + getattr(camera, name) for name in View._fields if name != "distance"},
    )


def _offset(start: Start, robot: Robot, where: str) -> Start:
    left, right = (max(opening * (1 - robot.gripper), _CLOSED) for opening in start.grippers)
    grippers = left, right
    if not robot.radius:
        return start._replace(grippers=grippers)
    directions = np.array(robot.direction).reshape(-1, JOINTS)[:, :_ARM_JOINTS]
    norm = float(np.linalg.norm(directions)) / np.sqrt(robot.arms)
    if not norm:
        raise BadInputError(
            f"{where}: Robot.direction moves only joint {JOINTS}, but these arms have {_ARM_JOINTS} joints. Give one of"
            f" the first {_ARM_JOINTS} a number."
        )
    offsets = np.tile(robot.radius * directions / norm, (2 // robot.arms, 1))
    return Start(tuple((np.array(start.joints) + offsets.ravel()).tolist()), grippers)


def _lit(lighting: Lighting, light: Light) -> Lighting:
    """Change every light but the ambient one; lamps shine every way and cast no shadows, whatever is asked of them."""
    if light.is_identity:
        return lighting
    usual = np.array(lighting.direction) / np.linalg.norm(lighting.direction)
    first, second = (_times(lamp, light.colour, light.intensity) for lamp in lighting.lamps)
    return lighting._replace(
        directional=_times(lighting.directional, light.colour, light.intensity),
        lamps=(first, second),
        direction=_triple(tilted(usual, light)) if light.tilt else lighting.direction,
        shadow=lighting.shadow != bool(light.shadow),
        highlights=lighting.highlights + light.specular,
    )


def _painted(surfaces: Surfaces, background: Background, where: str) -> Surfaces:
    changes: dict[str, Any] = {}
    for surface in SURFACES:
        colour, tint = getattr(surfaces, surface), getattr(background, f"{surface}_tint")
        changes[surface] = _times(colour, tint)
        texture = getattr(background, surface)
        if isinstance(texture, str):
            raise BadInputError(
                f"{where}: the bimanual benchmark has no texture {texture!r}: its textures have no names. Give"
                f" Background.{surface} a whole number, from which one is setup."
            )
        if texture is not None and background.blend:
            changes[surface] = _times(WHITE, tint)
            changes[f"{surface}_texture"] = Pattern(texture, background.blend, colour)
    return surfaces._replace(**changes)


def _times(colour: Triple, tint: Triple, intensity: float = 1.0) -> Triple:
    return _triple([one * other * intensity for one, other in zip(colour, tint, strict=True)])


def _triple(values: Iterable[float]) -> Triple:
    first, second, third = map(float, values)
    return first, second, third
