"""What table, wall and floor look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single

_UNTINTED = (1.0, 1.0, 1.0)
_BLEND = Scale(0.0, 1.0, 0.0, "", 0.05)
_TINT = Scale(0.3, 1.8, 1.0, "×", 0.05)

Texture = str | int | None
SURFACES = ("table", "wall", "floor")


@dataclass(frozen=True, slots=True, repr=False)
class Background(Single):
    """Other textures and tints of ``table``, ``wall`` and ``floor``.

    A texture is named by a ``str`` (one that the benchmark has), drawn by procedure from an ``int`` seed, or kept
    (None). ``blend`` is how much of the new textures shows through the old ones; tints multiply (red, green, blue).

    The ranges cover RoboTwin 2.0-Plus (tints .3–1.8); LIBERO-Plus swaps textures.
    """

    dimension: ClassVar[Dimension] = Dimension.BACKGROUND
    scales: ClassVar = {"blend": _BLEND, "table_tint": _TINT, "wall_tint": _TINT, "floor_tint": _TINT}

    table: Texture = None
    wall: Texture = None
    floor: Texture = None
    blend: float = 1.0
    table_tint: tuple[float, float, float] = _UNTINTED
    wall_tint: tuple[float, float, float] = _UNTINTED
    floor_tint: tuple[float, float, float] = _UNTINTED

    @property
    def severity(self) -> float:
        swapped = any(getattr(self, surface) is not None for surface in SURFACES)
        tints = (number for surface in SURFACES for number in getattr(self, f"{surface}_tint"))
        return max(self.blend if swapped else 0.0, *(_TINT.severity(number) for number in tints))
