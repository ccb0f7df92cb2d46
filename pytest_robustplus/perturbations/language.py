"""How the instruction is worded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pytest_robustplus.perturbations.dimension import Dimension
from pytest_robustplus.perturbations.value import Scale, Single

Rewrite = Literal["synonym", "reorder", "politeness", "distractor clause", "typo"]
REWRITES: tuple[Rewrite, ...] = get_args(Rewrite)


@dataclass(frozen=True, slots=True, repr=False)
class Language(Single):
    """The instruction rewritten, its meaning kept.

    ``amount`` counts changes of that ``kind`` (words exchanged, clauses added, letters mistyped), 0 being none;
    ``seed`` chooses which. An instruction that has no room for so many changes gets as many as it can take.
    """

    dimension: ClassVar[Dimension] = Dimension.LANGUAGE
    scales: ClassVar = {"amount": Scale(0, 5, 0, "changes", 1)}

    kind: Rewrite = "synonym"
    amount: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        super(Language, self).__post_init__()
        if self.kind not in REWRITES:
            raise ValueError(f"Language.kind must be one of {', '.join(REWRITES)}, not {self.kind!r}.")
        if self.seed < 0:
            raise ValueError(f"Language.seed must be at least 0, not {self.seed!r}.")
