"""Episodes that many workers play beyond what the verdicts needed; bounds: 10 % of them, 8 a worker and cell.

The real plans and the real rules of claiming, on simulated time: 64 workers, one model, the seven dimensions of
LIBERO-Plus, episodes of which failures last longest. Items are handed out as pytest-xdist does: one at a time, one
held ahead.

Usage: python perf/waste.py [--workers 64] [--runs 5]
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections import deque

import numpy as np

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.evaluation.audit import KNOWN
from pytest_robustplus.evaluation.gates import Gate
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.session.session import POLL_S
from pytest_robustplus.statistics.evalues import plan

# LIBERO-Plus by dimension: tasks, and a published rate for each (OpenVLA-OFT, arXiv 2510.13626, Table 2).
CELLS = {
    "camera": (1599, 0.564),
    "robot": (1550, 0.319),
    "language": (1537, 0.795),
    "light": (1142, 0.887),
    "background": (1076, 0.933),
    "noise": (1601, 0.758),
    "layout": (1525, 0.742),
}
MARGIN = 0.05
BOUND, BOUND_EACH = 0.10, 8.0
SUCCESS_S, FAILURE_S = 1.0, 2.5


class Cell:
    """A cell's order, what is finished of it, and when its verdict falls."""

    def __init__(self, name: str, total: int, rate: float, generator: np.random.Generator) -> None:
        self.outcomes = generator.random(total) < rate
        spread = generator.uniform(0.7, 1.3, total)
        self.seconds = np.where(self.outcomes, SUCCESS_S, FAILURE_S) * spread
        planned = plan(rate, total, MARGIN)
        self.plan, self.gate = planned.plan, Gate(baseline(name, rate), planned, None, "validate")
        self.claimed = self.prefix = self.successes = self.played = 0
        self.finished = np.zeros(total, bool)
        self.needed: int | None = None

    def claim(self, lead: bool) -> int | None:
        """Take the next position of the order; None when decided, all are taken, or it is too far ahead to help."""
        if self.needed is not None or self.claimed == len(self.outcomes):
            return None
        if not lead and self.prefix >= KNOWN and self.claimed >= self.gate.foreseen(self.prefix, self.successes):
            return None
        self.claimed += 1
        return self.claimed - 1

    def finish(self, position: int) -> None:
        """Record one, and look after each position that this adds to the prefix."""
        self.played += 1
        self.finished[position] = True
        while self.needed is None and self.prefix < len(self.finished) and self.finished[self.prefix]:
            self.successes += int(self.outcomes[self.prefix])
            self.prefix += 1
            if self.plan.verdict(self.prefix, self.successes) is not None:
                self.needed = self.prefix


def baseline(dimension: str, rate: float) -> Baseline:
    """The published number that a cell is held against."""
    return Baseline(
        model="openvla_oft",
        benchmark="libero_plus",
        dimension=Dimension(dimension),
        rate=rate,
        n=None,
        source="arXiv 2510.13626, Table 2",
        prompt_source="task_language",
        protocol="",
        label="",
    )


def simulate(workers: int, seed: int) -> tuple[int, int, float]:
    """Play every cell; return episodes played, episodes needed, and how long it took in mean successes' time."""
    generator = np.random.default_rng(np.random.SeedSequence([4, seed]))
    cells = [Cell(name, total, rate, generator) for name, (total, rate) in CELLS.items()]
    # Leads first, then helpers in rounds; a lead waits for its verdict, a helper leaves when nothing is free.
    items = deque((cell, lead) for lead in [True] + [False] * (workers - 1) for cell in cells)
    held: list[deque[tuple[Cell, bool]]] = [deque() for _ in range(workers)]
    for queue in held:
        for _ in range(2):
            if items:
                queue.append(items.popleft())
    events: list[tuple[float, int, int]] = [(0.0, worker, -1) for worker in range(workers)]
    heapq.heapify(events)
    now = 0.0
    while events:
        now, worker, position = heapq.heappop(events)
        queue = held[worker]
        if position >= 0:
            queue[0][0].finish(position)
        while queue:
            cell, lead = queue[0]
            claimed = cell.claim(lead)
            if claimed is not None:
                heapq.heappush(events, (now + cell.seconds[claimed], worker, claimed))
                break
            if cell.needed is None and (lead or cell.claimed < len(cell.outcomes)):
                heapq.heappush(events, (now + POLL_S, worker, -1))
                break
            queue.popleft()
            if items:
                queue.append(items.popleft())
    needed = sum(cell.needed or 0 for cell in cells)
    return sum(cell.played for cell in cells), needed, now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    figures = []
    for seed in range(given.runs):
        played, needed, took = simulate(given.workers, seed)
        _, _, alone = simulate(1, seed)
        figures.append(((played - needed) / needed, (played - needed) / given.workers / len(CELLS), alone / took))
        print(f"run {seed}: {needed} needed, {played} played, {alone / took:.1f} times as fast as one worker")
    share, each, faster = np.mean(figures, axis=0)
    print(
        f"waste: {100 * share:.1f} % of what was needed (bound {100 * BOUND:.0f} %), {each:.2f} episodes a worker and"
        f" cell (bound {BOUND_EACH:.0f}), {faster:.1f} times as fast with {given.workers} workers"
    )
    return 0 if share <= BOUND and each <= BOUND_EACH else 1


if __name__ == "__main__":
    sys.exit(main())
