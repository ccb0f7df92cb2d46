"""Plain LIBERO behind the benchmark contract: the column *original* of LIBERO-Plus, chosen by its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.perturbations import Dimension


class Libero(LiberoPlus):
    """LIBERO's four suites of ten tasks, 50 stored initial states each; arXiv 2306.03310."""

    name = "libero"
    title = "LIBERO"
    dimensions: tuple[Dimension, ...] = (Dimension.ORIGINAL,)

    def __init__(self, protocol: Mapping[str, str], assets: Path | None = None) -> None:
        super().__init__(protocol, assets)
        self.whole = LiberoPlus(protocol, assets)

    def tasks(self) -> Sequence[Task]:
        return [task for task in super().tasks() if task.dimension is Dimension.ORIGINAL]
