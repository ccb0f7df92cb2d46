"""Claims in the hands of a test: sentences of papers that hold, are refuted, or stay undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.errors import unknown
from pytest_robustplus.items.reports import STORY
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.reporting import skips
from pytest_robustplus.reporting.claims import story
from pytest_robustplus.results.claims import ClaimReport
from pytest_robustplus.session.session import session_of

if TYPE_CHECKING:
    from pytest_robustplus.evaluation.claims import Claims


@dataclass(frozen=True, slots=True)
class Claim:
    """Sentences about models on a benchmark; a test marked ``robustness`` that asks for ``claim`` gets one item.

    Each returns whether the sentence holds. A refuted one turns its test red with what refutes it; one that is
    undecided skips it. Models are named as cards, ``NAME@LABEL`` for another published row, ``recorded:FILE.toml`` or
    ``recorded:NAME``.
    """

    _benchmark: Benchmark
    _item: pytest.Item

    def __call__(self, dimension: str) -> DimensionClaim:
        """Begin a sentence about a dimension, as in ``claim("camera").hardest_for(models)``."""
        return DimensionClaim(self, _dimension(dimension))

    def family(self, *families: str) -> list[str]:
        """The published models of families such as ``vla``, ``wam`` and ``hybrid``, as their cards say."""
        return self._claims().family(*families)

    def better(self, first: Sequence[str], second: Sequence[str], *, on: Sequence[str], by: str = "leader") -> bool:
        """Say whether one group is better in every dimension of ``on``.

        By ``leader`` the best of each group are compared, by ``mean`` the groups' means, with the models as the sample.
        """
        if by not in ("leader", "mean"):
            raise unknown("way of comparing groups", by, ["leader", "mean"], where="claim.better(by=…)")
        dimensions = [_dimension(name) for name in on]
        return self._judged(self._claims().better(first, second, dimensions, "leader" if by == "leader" else "mean"))

    def slower(self, models: Sequence[str], than: str, *, by: tuple[float, float]) -> bool:
        """Say whether each model's published latency is between ``by`` times that of another model."""
        return self._judged(self._claims().slower(models, than, by))

    def _claims(self) -> Claims:
        from pytest_robustplus.evaluation.claims import Claims

        return Claims(session_of(self._item.config), self._benchmark)

    def _judged(self, report: ClaimReport) -> bool:
        self._item.user_properties.extend(report.properties())
        if report.verdict == "undecided":
            pytest.skip(skips.of_claim(report))
        if report.verdict == "refuted":
            self._item.stash[STORY] = story(report)
        return report.verdict == "holds"


@dataclass(frozen=True, slots=True)
class DimensionClaim:
    """A sentence about one dimension."""

    _claim: Claim
    _dimension: Dimension

    def hardest_for(self, models: Sequence[str]) -> bool:
        """Say whether no other dimension has a lower success rate, for each of these models."""
        return self._claim._judged(self._claim._claims().hardest(self._dimension, models))


def _dimension(name: str) -> Dimension:
    known = [str(dimension) for dimension in Dimension]
    if name not in known:
        raise unknown("dimension", name, known, where="claim")
    return Dimension(name)
