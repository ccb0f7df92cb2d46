"""From plain data back to perturbations, and from a perturbation to the part that one dimension is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pytest_robustplus.perturbations.background import Background
from pytest_robustplus.perturbations.camera import Camera
from pytest_robustplus.perturbations.combined import Combined
from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.language import Language
from pytest_robustplus.perturbations.layout import Layout
from pytest_robustplus.perturbations.light import Light
from pytest_robustplus.perturbations.noise import Noise
from pytest_robustplus.perturbations.robot import Robot
from pytest_robustplus.perturbations.value import Perturbation, Single

KINDS: Mapping[Dimension, type[Single]] = {
    kind.dimension: kind for kind in (Camera, Robot, Language, Light, Background, Noise, Layout)
}
One = TypeVar("One", bound=Single)


def from_json(plain: Mapping[str, Any]) -> Perturbation:
    """Rebuild what ``to_json`` wrote; raises ``ValueError`` for anything else, naming what is wrong."""
    if "together" in plain:
        return Combined(*(_single(part) for part in plain["together"]))
    return _single(plain)


def part(perturbation: Perturbation | None, kind: type[One]) -> One:
    """What a perturbation changes in one dimension; the identity where it changes nothing there.

    ``kind`` is a class such as ``Camera``.
    """
    parts = () if perturbation is None else perturbation.parts
    return next((single for single in parts if isinstance(single, kind)), kind())


def _single(plain: Mapping[str, Any]) -> Single:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    try:
        return KINDS[Dimension(str(values.pop("dimension", "")))](**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"This is no perturbation: {dict(plain)!r} ({error}).") from error
