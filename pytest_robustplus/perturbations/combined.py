"""Several dimensions at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_robustplus.perturbations.value import Perturbation, Single


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Combined(Perturbation):
    """Perturbations of different dimensions, all applied; ``Combined()`` is no change."""

    together: tuple[Single, ...]

    def __init__(self, *together: Single) -> None:
        """Take at most one perturbation of each dimension, in any order; raises ``ValueError`` for more."""
        dimensions = [single.dimension for single in together]
        for dimension in dimensions:
            if dimensions.count(dimension) > 1:
                raise ValueError(f"Combined holds at most one perturbation of {dimension}: {together!r}.")
        object.__setattr__(self, "together", tuple(sorted(together, key=lambda single: single.dimension)))

    @property
    def severity(self) -> float:
        return max((single.severity for single in self.together), default=0.0)

    @property
    def parts(self) -> tuple[Single, ...]:
        return tuple(part for single in self.together for part in single.parts)

    def scaled(self, share: float) -> Combined:
        return Combined(*(single.scaled(share) for single in self.together))

    def to_json(self) -> dict[str, Any]:
        return {"together": [single.to_json() for single in self.together]}

    def __repr__(self) -> str:
        return f"Combined({', '.join(map(repr, self.together))})"

    def __iter__(self) -> Iterator[Single]:
        return iter(self.together)
