"""The axes along which frontiers are measured: one way of one parameter, in steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_robustplus.fuzz.points import Point
from pytest_robustplus.fuzz.space import distractors
from pytest_robustplus.perturbations import (
    KINDS,
    Background,
    Camera,
    Dimension,
    Language,
    Layout,
    Light,
    Noise,
    Perturbation,
    Robot,
)
from pytest_robustplus.perturbations.background import SURFACES
from pytest_robustplus.perturbations.language import REWRITES, Rewrite
from pytest_robustplus.perturbations.layout import MOST_DISTRACTORS
from pytest_robustplus.perturbations.noise import NOISES, NoiseKind
from pytest_robustplus.perturbations.robot import JOINTS

UNPERTURBED = Point("unperturbed", lambda _: Camera())


@dataclass(frozen=True, slots=True)
class Axis:
    """One way from no change; ``step`` and ``unit`` say what a step is.

    What an axis leaves open, such as the direction of a joint offset, differs from episode to episode, always in the
    same way.
    """

    name: str
    dimension: Dimension
    steps: int
    unit: str
    value: Callable[[int], float]
    at: Callable[[float, int], Perturbation]

    def point(self, step: int) -> Point:
        """The point at ``step``; step 0, no change, is the same point on every axis."""
        value = self.value(step)
        return Point(f"{self.name}={value:g}", lambda number: self.at(value, number)) if step else UNPERTURBED

    def place(self, step: float) -> float:
        """The value at a fractional step, in the axis' unit."""
        whole = int(step)
        near, far = self.value(whole), self.value(whole + 1)
        return near + (step - whole) * (far - near)


def axes(dimensions: Sequence[Dimension]) -> list[Axis]:
    """Every axis of these dimensions."""
    return [axis for axis in _ALL if axis.dimension in dimensions]


def _axis(
    dimension: Dimension, parameter: str, at: Callable[[float, int], Perturbation], name: str = "", *, towards: int = 1
) -> Axis:
    scale = KINDS[dimension].scales[parameter]
    steps = scale.steps(towards=towards)

    def value(step: int) -> float:
        return scale.identity + towards * min(step, 2 * steps) * scale.step

    sign = ("+" if towards > 0 else "-") if scale.steps(towards=1) and scale.steps(towards=-1) and not name else ""
    unit = {"×": "×", "": ""}.get(scale.unit, f" {scale.unit}".replace(" °", "°"))
    return Axis(f"{dimension}.{name or parameter}{sign}", dimension, steps, unit, lambda s: round(value(s), 6), at)


def _both(dimension: Dimension, parameter: str) -> list[Axis]:
    kind: Any = KINDS[dimension]
    scale = KINDS[dimension].scales[parameter]
    ways = [towards for towards in (1, -1) if scale.steps(towards=towards)]

    def at(value: float, _number: int) -> Perturbation:
        changed: Perturbation = kind(**{parameter: value})
        return changed

    return [_axis(dimension, parameter, at, towards=way) for way in ways]


def _reworded(kind: Rewrite) -> Axis:
    def at(amount: float, number: int) -> Perturbation:
        return Language(kind, int(amount), number)

    return _axis(Dimension.LANGUAGE, "amount", at, kind.replace(" ", "_"))


def _disturbed(kind: NoiseKind) -> Axis:
    return _axis(Dimension.NOISE, "level", lambda level, _: Noise(kind, level), kind)


def _draws(number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([number]))


def _offset(radius: float, number: int) -> Perturbation:
    return Robot(radius, tuple(_draws(number).standard_normal(JOINTS).round(6).tolist()))


def _shift(distance: float, number: int) -> Perturbation:
    angle = 2 * np.pi * _draws(number).random()
    return Layout(round(float(distance * np.cos(angle)), 6), round(float(distance * np.sin(angle)), 6))


def _lean(tilt: float, number: int) -> Perturbation:
    return Light(tilt=tilt, heading=float(_draws(number).integers(360)))


def _texture(blend: float, number: int) -> Perturbation:
    table, wall, floor = (number * len(SURFACES) + place for place in range(len(SURFACES)))
    return Background(table, wall, floor, blend=blend)


def _crowd() -> Axis:
    return Axis(
        "layout.distractors",
        Dimension.LAYOUT,
        MOST_DISTRACTORS,
        " objects",
        float,
        lambda count, number: Layout(distractors=distractors(int(count), number)),
    )


_ALL: tuple[Axis, ...] = (
    *(axis for name in Camera.scales for axis in _both(Dimension.CAMERA, name)),
    _axis(Dimension.ROBOT, "radius", _offset),
    *_both(Dimension.ROBOT, "gripper"),
    *(_reworded(kind) for kind in REWRITES),
    *(axis for name in ("intensity", "specular") for axis in _both(Dimension.LIGHT, name)),
    _axis(Dimension.LIGHT, "tilt", _lean),
    _axis(Dimension.BACKGROUND, "blend", _texture),
    *(_disturbed(kind) for kind in NOISES),
    _axis(Dimension.LAYOUT, "dx", _shift, "shift"),
    *_both(Dimension.LAYOUT, "yaw"),
    _crowd(),
)
