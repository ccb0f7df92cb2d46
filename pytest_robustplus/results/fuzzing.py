"""What fuzzing found out, as it travels on test reports: frontiers along axes, and the mildest failing perturbation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from pytest_robustplus.results.carried import Carried
from pytest_robustplus.results.notes import Note

Outcome = Literal["pass", "fail", "measured"]


class Tally(NamedTuple):
    """Successes among episodes played."""

    successes: int
    played: int

    def __str__(self) -> str:
        return f"{self.successes} of {self.played}"


NONE = Tally(0, 0)


class Interval(NamedTuple):
    """A frontier on its axis, in the axis' unit, with the 95 % interval of any falling curve.

    ``beyond``: not on the axis; ``open``: perhaps not, so that the interval ends with the axis.
    """

    low: float
    estimate: float
    high: float
    beyond: bool
    open: bool = False


@dataclass(frozen=True, slots=True)
class FrontierReport(Carried):
    """One axis, measured; ``start`` and ``end`` are its ends, ``points`` are (value, successes, played).

    Where success falls and ``rises`` again there is no frontier, and nothing is held.
    """

    PROPERTY: ClassVar[str] = "frontier"

    model: str
    benchmark: str
    checkpoint: str
    axis: str
    dimension: str
    unit: str
    outcome: Outcome
    share: float
    rate: float
    start: float
    end: float
    found: Interval
    episodes: int
    points: tuple[tuple[float, int, int], ...]
    accepted: Interval | None = None
    rises: Note | str = ""
    note: Note | str = ""

    @property
    def severity(self) -> float:
        """How far along its axis the frontier lies, from 0 to 1; 1 where it is not on the axis."""
        way = abs(self.found.estimate - self.start) / abs(self.end - self.start)
        return 1.0 if self.found.beyond else min(way, 1.0)


@dataclass(frozen=True, slots=True)
class FuzzReport(Carried):
    """One search; without ``mildest`` nothing was shown to fail. ``perturbation`` is a clear failure in its direction.

    ``at_it`` are fresh episodes, none of which chose ``mildest``; that they fall short of the threshold has the
    ``confidence`` stated. ``begins`` says where the walk saw success fall to it, in severity: an estimate with its 95 %
    interval. Where the budget ended the search before the failing of ``first`` was shown, ``mildest`` is empty.
    ``perturbation`` is JSON, for the corpus.
    ``severity`` is that of what stands in the scene, which ``stands`` says where it is less than ``mildest``;
    ``hidden`` counts failing perturbations passed over: they take what the task is about out of the picture.
    ``unseen`` says why there are no pictures, or what is wrong with them.
    """

    PROPERTY: ClassVar[str] = "fuzzed"

    model: str
    benchmark: str
    what: str
    outcome: Outcome
    rate: float
    threshold: float
    candidates: int
    replayed: int
    episodes: int
    known: bool = False
    first: str = ""
    mildest: str = ""
    severity: float = 0.0
    perturbation: str = ""
    at_it: Tally = NONE
    below: str = ""
    below_it: Tally = NONE
    unperturbed: Tally = NONE
    episode: int | None = None
    before: str = ""
    after: str = ""
    video: str = ""
    unseen: Note | str = ""
    confidence: float = 0.95
    begins: tuple[float, ...] = ()
    stands: str = ""
    hidden: int = 0


Probe = FrontierReport | FuzzReport


def probes(properties: Iterable[tuple[str, object]]) -> list[Probe]:
    """What fuzzing found out, among the properties of a test report."""
    kinds: dict[str, type[Probe]] = {kind.PROPERTY: kind for kind in (FrontierReport, FuzzReport)}
    return [kinds[name].parse(text) for name, text in properties if name in kinds]
