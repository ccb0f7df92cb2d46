"""Draw the recorded success of the two small checkpoints on the generated edition, level by level, into docs/pictures.

Reads baselines only; takes 2 s.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.libero_generated.benchmark import LiberoGenerated
from pytest_robustplus.perturbations import PERTURBATIONS
from pytest_robustplus.reporting.plots import Point, level_plot

MODELS = ("reference", "reference_robust")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "docs/pictures/levels.svg")
    output = parser.parse_args().output
    curves = recorded()
    output.write_text(level_plot(curves) + "\n", encoding="utf-8")
    for dimension, rows in curves.items():
        for model, points in rows.items():
            print(f"{dimension:<11}{model:<18}", "  ".join(f"{p.successes}/{p.played}" for p in points))


def recorded() -> dict[str, Mapping[str, Sequence[Point]]]:
    """Dimension → model → points, of what was recorded task by task."""
    benchmark = LiberoGenerated({})
    tasks = {task.name: task for task in benchmark.tasks()}
    known = Baselines.load((), {benchmark.name: benchmark.tasks()})
    found: dict[str, Mapping[str, Sequence[Point]]] = {}
    for dimension in PERTURBATIONS:
        rows = {}
        for model in MODELS:
            baseline = known.find(model, benchmark.name, dimension)
            if baseline is None or baseline.outcomes is None:
                continue
            level = {name: float(tasks[name].parameters["severity"]) for name in baseline.outcomes}
            played, solved = (
                Counter(level.values()),
                Counter(level[name] for name, ok in baseline.outcomes.items() if ok),
            )
            rows[model] = [Point(one, solved[one], played[one], one, one) for one in sorted(played)]
        found[str(dimension)] = rows
    return found


if __name__ == "__main__":
    main()
