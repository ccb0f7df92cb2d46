"""The finite population that an audit is about: which tasks, in which order, and what the baseline did on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.cells import Cell
from pytest_robustplus.options import Settings
from pytest_robustplus.verdict.audit import Plan, Planned, plan
from pytest_robustplus.verdict.order import order, order_seed


@dataclass(frozen=True, slots=True)
class Population:
    """Tasks in playing order, cut from the ``playable`` ones of those ``listed`` by the benchmark for the cell."""

    tasks: tuple[Task, ...]
    playable: int
    listed: int
    order_seed: str

    @classmethod
    def of(cls, cell: Cell, checkpoint: str, baseline: Baseline | None, budget: int | None) -> Population:
        """Order a cell's playable tasks; a baseline with outcomes task by task limits them to its own tasks."""
        listed = cell.tasks()
        playable = [task for task in listed if not task.blocked]
        known = playable
        if baseline is not None and baseline.outcomes is not None:
            known = [task for task in playable if task.name in baseline.outcomes]
        benchmark, dimension = cell.benchmark.name, str(cell.dimension)
        names = [task.name for task in known]
        places = order(names, benchmark=benchmark, dimension=dimension, checkpoint=checkpoint)
        seed = order_seed(benchmark=benchmark, dimension=dimension, checkpoint=checkpoint)
        return cls(tuple(known[place] for place in places[:budget]), len(playable), len(listed), seed)

    def digest(self) -> str:
        """Tell populations of different tasks or order apart."""
        return digest([task.name for task in self.tasks])

    def rate(self, baseline: Baseline) -> float:
        """The baseline's success rate: on exactly these tasks where it is known task by task."""
        if baseline.outcomes is None:
            return baseline.rate
        return sum(baseline.outcomes[task.name] for task in self.tasks) / len(self.tasks)

    def plan(self, baseline: Baseline | None, settings: Settings) -> Planned:
        """Turn a baseline into the question asked of this population; without one there is only an interval."""
        total = len(self.tasks)
        if baseline is None:
            return Planned(Plan(total, 0, 0), 0.0, raised=False)
        return plan(self.rate(baseline), total, settings.margin, settings.alpha_pass, settings.alpha_fail)

    def notes(self, baseline: Baseline | None) -> list[str]:
        """Say where the baseline is about something else than these tasks."""
        if baseline is None:
            return []
        notes = []
        if baseline.outcomes is None and self.playable < self.listed:
            notes.append(f"the baseline covers all {self.listed:,} tasks, this run can play {self.playable:,} of them")
        if baseline.disputed is not None:
            dispute = baseline.disputed
            rates = ", ".join(f"{100 * rate:.1f} %" for rate in dispute.rates)
            notes.append(f"disputed baseline: {rates} by {dispute.source}")
        return notes


def digest(value: Sequence[object]) -> str:
    """Digest JSON-like data into 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
