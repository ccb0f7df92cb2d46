"""How often the computed kind of failure agrees with labels by hand; bound: 90 % of the labelled episodes.

The episodes of tests/benchmarks/libero_plus/failures.npz are played again from their actions. The labels beside them
were given by looking at sheets of 16 frames each, which scripts/record_failures.py draws, before anyone saw the
computed kinds. Where the two differed, frames of the moment in question were looked at once more, larger, with the
computed kind known; what was seen then stands as the second look, and counts. Somebody else labelled the same sheets,
knowing the descriptions of the kinds and neither the first labels nor the computed kinds, and said of which they were
sure. All shares are printed; how often the two labellers agree is what eyes can tell from such sheets.

Usage: python perf/failures.py [NUMBER…]
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import play

BOUND = 0.9
SCALE = 127
FOLDER = Path(__file__).parents[1] / "tests" / "benchmarks" / "libero_plus"


class Tape:
    """Answers the first look with everything that was recorded."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions

    def reset(self, slot: int, instruction: str) -> None:
        pass

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self.actions]


def main() -> int:
    warnings.simplefilter("ignore")
    simulator = LiberoSimulator(LiberoProtocol(), render=False)
    with np.load(FOLDER / "failures.npz") as bank, (FOLDER / "failures.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if len(sys.argv) < 2 or row["number"] in sys.argv[1:]]
        recorded = {row["number"]: bank[row["number"]] / SCALE for row in rows}
    agreed, blind, apart = 0, 0, Counter[tuple[str, str]]()
    others: Counter[str] = Counter()
    # By scene, so that each is compiled once.
    for row in sorted(rows, key=lambda row: (row["task"].rpartition("_view_")[0], row["task"])):
        task, actions = find_task(row["task"]), recorded[row["number"]]
        profile = Profile(replan=len(actions), horizons={task.suite: len(actions)})
        events = play(simulator, Tape(actions), task, profile).events
        assert events is not None
        computed = "succeeded" if events.failure is None else str(events.failure)
        seen = row["second_look"] or row["label"]
        agreed += computed == seen
        blind += computed == row["label"]
        others["all"] += computed == row["other_eyes"]
        others["sure"] += computed == row["other_eyes"] and row["sure"] == "yes"
        others["both"] += computed == row["other_eyes"] == row["label"]
        if computed != seen:
            apart[seen, computed] += 1
            told = "; ".join(f"{event.what} {event.step}" for event in events.events)
            print(f"{row['number']}: {seen} by hand, {computed} computed ({task.name}: {told})", flush=True)
    simulator.close()
    for (label, computed), count in apart.most_common():
        print(f"{count} × {label} → {computed}")
    share = agreed / len(rows)
    sure = sum(row["sure"] == "yes" for row in rows)
    both = sum(row["label"] == row["other_eyes"] for row in rows)
    print(f"{blind / len(rows):.1%} agree with the first look alone, {others['all'] / len(rows):.1%} with other eyes,")
    print(f"{others['sure']} of the {sure} of which those were sure; the two labellers agree on {both},")
    print(f"and the computed kind with {others['both']} of these")
    print(f"{share:.1%} of {len(rows)} episodes labelled by hand agree (bound {BOUND:.0%})")
    return int(share < BOUND)


if __name__ == "__main__":
    sys.exit(main())
