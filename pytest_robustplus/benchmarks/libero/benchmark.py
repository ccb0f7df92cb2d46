"""Plain LIBERO behind the benchmark contract: the column *original* of LIBERO-Plus, chosen by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.libero_plus.packages import SUITES
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import Dimension


class Libero(LiberoPlus):
    """LIBERO's four suites of ten tasks, 50 stored initial states each; arXiv 2306.03310."""

    name = "libero"
    title = "LIBERO"
    dimensions: tuple[Dimension, ...] = (Dimension.ORIGINAL,)

    def __init__(self, protocol: Mapping[str, str], assets: Path | None = None) -> None:
        super().__init__(protocol, assets)
        self.whole = LiberoPlus(protocol, assets)

    def tasks(self) -> TaskList:
        return _unperturbed(self._assets)


@cache
def _unperturbed(assets: Path | None) -> TaskList:
    listed = (task for task in tasks(assets) if task.dimension is Dimension.ORIGINAL)
    return TaskList(listed, "LIBERO", f"SUITE/BASE#TRIAL, with SUITE one of {', '.join(SUITES)}")
