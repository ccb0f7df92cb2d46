"""What lies on the table, and where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single

MOST_DISTRACTORS = 15
WIDE = 0.06


class Distractor(NamedTuple):
    """An object that the task does not need.

    ``item`` counts the benchmark's distractor objects, modulo their number. ``x`` and ``y`` are where in the task's
    workspace it is wished for, -1 to 1 from end to end; the simulator takes the nearest free place, in collision with
    nothing and covering no object of the task, and leaves the object out when there is none. ``yaw`` in degrees.
    """

    item: int
    x: float
    y: float
    yaw: float = 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Layout(Single):
    """The task's target moved by ``dx`` and ``dy`` metres and turned by ``yaw`` degrees, and added ``distractors``.

    ``scatter`` first moves every object that stands free, at random by ``seed``: those of the goal up to so many metres
    to each side, others half as far or less; what stands on one another goes together. ``Layout.wide(seed)`` is 6 cm.

    The ranges cover LIBERO-Plus (up to 5 cm) and RoboTwin 2.0-Plus (N(0, 2 cm), ±15°, 3–15 objects).
    """

    dimension: ClassVar[Dimension] = Dimension.LAYOUT
    scales: ClassVar = {
        "dx": Scale(-0.1, 0.1, 0.0, "m", 0.005),
        "dy": Scale(-0.1, 0.1, 0.0, "m", 0.005),
        "yaw": Scale(-45.0, 45.0, 0.0, "°", 1.0),
        "scatter": Scale(0.0, 0.06, 0.0, "m", 0.005),
    }

    dx: float = 0.0
    dy: float = 0.0
    yaw: float = 0.0
    distractors: tuple[Distractor, ...] = ()
    scatter: float = 0.0
    seed: int = 0

    @classmethod
    def wide(cls, seed: int) -> Layout:
        """The goal's objects up to 6 cm from where they were to each side, all others up to 3 cm."""
        return cls(scatter=WIDE, seed=seed)

    def __post_init__(self) -> None:
        super(Layout, self).__post_init__()
        object.__setattr__(self, "distractors", tuple(Distractor(*distractor) for distractor in self.distractors))
        if self.seed < 0:
            raise ValueError(f"Layout.seed must be at least 0, not {self.seed!r}.")
        if len(self.distractors) > MOST_DISTRACTORS:
            raise ValueError(
                f"Layout.distractors must be at most {MOST_DISTRACTORS} objects, not {len(self.distractors)}."
            )
        for distractor in self.distractors:
            if distractor.item < 0 or not max(abs(distractor.x), abs(distractor.y)) <= 1:
                raise ValueError(f"Layout.distractors: {distractor} needs item ≥ 0 and x and y from -1 to 1.")

    @property
    def severity(self) -> float:
        return max(super(Layout, self).severity, len(self.distractors) / MOST_DISTRACTORS)

    def scaled(self, share: float) -> Layout:
        kept = round(share * len(self.distractors))
        return replace(super(Layout, self).scaled(share), distractors=self.distractors[:kept])

    def to_json(self) -> dict[str, Any]:
        changed = super(Layout, self).to_json()
        if self.distractors:
            changed["distractors"] = [list(distractor) for distractor in self.distractors]
        return changed
