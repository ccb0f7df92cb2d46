"""What a comparison ends with, as data that travels from a worker to the controller and into every report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from pytest_robustplus.results.carried import Carried
from pytest_robustplus.results.notes import Notes

Answer = Literal["first", "second", "equal", "pass", "fail", "unbeaten", "undecided"]
Asked = Literal["which", "better", "not_worse", "equivalent", "best", "rerun"]


class Side(NamedTuple):
    """One policy on the pairs that count; ``dropped`` is after how many of them it was beaten, 0 where it was not.

    ``audit`` is the ledger's id of the episodes played for the comparison, 0 for results that were recorded elsewhere;
    ``reused`` of the outcomes were in the ledger before.
    """

    model: str
    successes: int
    played: int
    recorded: str = ""
    audit: int = 0
    reused: int = 0
    dropped: int = 0


class Difference(NamedTuple):
    """How far one policy is ahead of another, in tasks of the whole list, after ``pairs`` of them."""

    first: str
    second: str
    pairs: int
    first_only: int
    second_only: int
    lower: int
    upper: int
    p: float
    """McNemar's, exact and two-sided for a number of pairs fixed beforehand; descriptive after a stop."""


class Discordant(NamedTuple):
    """A task that only ``solver`` solved, and the ledger's episodes of the first and the second policy, 0 for none."""

    task: str
    solver: str
    episodes: tuple[int, int]


class Split(NamedTuple):
    """One sub-dimension: pairs, and on how many of them only either policy succeeded."""

    name: str
    pairs: int
    first_only: int
    second_only: int


@dataclass(frozen=True, slots=True)
class ComparisonReport(Carried):
    """Figures of a comparison; ``within``, ``noise`` and the bounds of differences are tasks of ``total``.

    ``answer`` names who is better of two, whether a gate passed, or that ``unbeaten`` policies were found. ``alpha`` is
    the error rate of each side, its share among the ``family`` comparisons of the run.
    """

    PROPERTY: ClassVar[str] = "comparison"

    models: tuple[str, ...]
    benchmark: str
    dimension: str
    asked: Asked
    answer: Answer
    pairs: int
    total: int
    listed: int
    within: int
    noise: int
    noise_measured: bool
    alpha: float
    family: int
    sides: tuple[Side, ...]
    differences: tuple[Difference, ...]
    discordant: tuple[Discordant, ...] = ()
    splits: tuple[Split, ...] = ()
    log_first: float = 0.0
    log_second: float = 0.0
    order_seed: str = ""
    seconds: float = 0.0
    notes: Notes = ()

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """The policies that nobody was shown to beat."""
        return tuple(side.model for side in self.sides if not side.dropped)

    @property
    def beyond_noise(self) -> bool:
        """Whether the difference of the first two is larger than two runs of one policy would differ by."""
        found = self.differences[0]
        return found.lower > self.noise or found.upper < -self.noise


@dataclass(frozen=True, slots=True)
class ContrastReport(Carried):
    """The generated perturbation under which two policies were found to differ most, on ``played`` fresh episodes.

    ``perturbation`` is its JSON, ``words`` its value; empty where none was found at which they differed at all.
    """

    PROPERTY: ClassVar[str] = "contrast"

    models: tuple[str, str]
    benchmark: str
    dimension: str
    perturbation: str
    words: str
    first: int
    second: int
    first_only: int
    second_only: int
    played: int
    p: float
