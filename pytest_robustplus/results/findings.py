"""All that a run found out, as one document that the ledger keeps, so that its page can be made afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from pytest_robustplus.results.carried import restored
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.results.comparison import ComparisonReport, ContrastReport
from pytest_robustplus.results.fuzzing import FrontierReport, FuzzReport, Probe
from pytest_robustplus.results.identity import Identity
from pytest_robustplus.results.latency import LatencyResult
from pytest_robustplus.results.run import CellResult


@dataclass(frozen=True, slots=True)
class Findings:
    """What the items of a run ended with, those included that were not decided; ``unanswered`` is what had no end."""

    cells: tuple[CellResult, ...] = ()
    latencies: tuple[LatencyResult, ...] = ()
    comparisons: tuple[ComparisonReport, ...] = ()
    frontiers: tuple[FrontierReport, ...] = ()
    searches: tuple[FuzzReport, ...] = ()
    contrasts: tuple[ContrastReport, ...] = ()
    claims: tuple[ClaimReport, ...] = ()
    unanswered: tuple[Identity, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def about(self) -> list[ComparisonReport | ContrastReport | LatencyResult | Probe | Identity]:
        """What says which benchmark it is about, cells left out."""
        return [*self.latencies, *self.comparisons, *self.contrasts, *self.probes, *self.unanswered]

    @property
    def probes(self) -> list[Probe]:
        """What fuzzing found, in the order of every report."""
        return [*self.frontiers, *self.searches]

    def to_json(self) -> dict[str, Any]:
        """Everything; ``read`` takes it back."""
        return asdict(self)

    @classmethod
    def read(cls, document: Any) -> Self:
        """Read back what ``to_json`` wrote, by this release or one that knew fewer fields."""
        earlier = {"searches": document["hunts"]} if "hunts" in document else {}
        return restored(cls, {**document, **earlier})
