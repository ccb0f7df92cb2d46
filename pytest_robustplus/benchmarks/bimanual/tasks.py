"""The frozen list: six base tasks in eight configurations, 50 expert-verified seeds each, as RoboTwin counts them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count, islice
from pathlib import Path

from pytest_robustplus.benchmarks.bimanual.draws import FIRST_SEED, draw
from pytest_robustplus.benchmarks.bimanual.goals import GOALS
from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import DIMENSIONS, Dimension

EPISODES = 50
DEFAULT = BimanualProtocol()
SKIPPED = Path(__file__).parent / "skipped_seeds.json"
# Nothing in the other dimensions moves an arm or a body, so the expert does there what it does unperturbed.
PHYSICAL = (Dimension.ORIGINAL, Dimension.ROBOT, Dimension.LAYOUT)


@cache
def tasks(protocol: BimanualProtocol = DEFAULT) -> TaskList:
    """Every task, named BASE/DIMENSION#SEED; 2,400 of them in 0.2 s."""
    every = (
        listed(base, dimension, seed, protocol)
        for dimension in DIMENSIONS
        for base in GOALS
        for seed in islice(verified(base, dimension), EPISODES)
    )
    spelling = f"BASE/DIMENSION#SEED, with BASE one of {', '.join(GOALS)}; seeds on which the expert fails are left out"
    return TaskList(every, "The bimanual benchmark", spelling)


def listed(base: str, dimension: Dimension, seed: int, protocol: BimanualProtocol) -> Task:
    """One task of any seed; it is played as the benchmark's own are."""
    _, summary = draw(base, dimension, seed, protocol)
    return Task(
        name=f"{base}/{dimension}#{seed}",
        suite=base,
        base=base,
        dimension=dimension,
        subdimension=summary.subdimension,
        parameters=summary.parameters,
        init_state=seed,
    )


def verified(base: str, dimension: Dimension) -> Iterator[int]:
    """Seeds from 100,000 up without those where the scene is unstable or the expert fails: no failure of a policy."""
    physical = dimension if dimension in PHYSICAL else Dimension.ORIGINAL
    bad = skipped().get(base, {}).get(physical, {})
    return filter(lambda seed: str(seed) not in bad, count(FIRST_SEED))


@cache
def skipped() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Seeds left out and why: base task → dimension → seed → reason; scripts/verify_bimanual_seeds.py finds them."""
    found: Mapping[str, Mapping[str, Mapping[str, str]]] = json.loads(SKIPPED.read_text(encoding="utf-8"))
    return found


def find_task(name: str, protocol: BimanualProtocol = DEFAULT) -> Task:
    """Look one task up by name; raises ``BadInputError`` with the nearest name."""
    return tasks(protocol).find(name)
