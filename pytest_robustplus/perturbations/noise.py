"""What the main camera's sensor adds to its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single

NoiseKind = Literal["motion", "gaussian", "zoom", "fog", "glass"]
NOISES: tuple[NoiseKind, ...] = get_args(NoiseKind)


@dataclass(frozen=True, slots=True, repr=False)
class Noise(Single):
    """A blur or fog of continuous ``level``, from 0 (none) to 5; LIBERO-Plus' ten severities are 0.5, 1, …, 5."""

    dimension: ClassVar[Dimension] = Dimension.NOISE
    scales: ClassVar = {"level": Scale(0.0, 5.0, 0.0, "", 0.1)}

    kind: NoiseKind = "gaussian"
    level: float = 0.0

    def __post_init__(self) -> None:
        super(Noise, self).__post_init__()
        if self.kind not in NOISES:
            raise ValueError(f"Noise.kind must be one of {', '.join(NOISES)}, not {self.kind!r}.")
