"""The list: each base task in seven dimensions, 50 seeds each, as many as the published benchmarks play."""

from __future__ import annotations

from functools import cache

from pytest_robustplus.benchmarks.contract import Parameter, Task
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.maniskill.draws import draw
from pytest_robustplus.perturbations import DIMENSIONS as COLUMNS
from pytest_robustplus.perturbations import Dimension, Perturbation

EPISODES = 50
# Layout is missing: ManiSkill draws placements for every seed anyway, and has no objects to spare.
DIMENSIONS = tuple(dimension for dimension in COLUMNS if dimension is not Dimension.LAYOUT)


@cache
def tasks(bases: tuple[str, ...]) -> TaskList:
    """Every task, named BASE/DIMENSION#SEED; placements of a seed are the same in all dimensions."""
    every = (listed(base, dimension, seed) for dimension in DIMENSIONS for base in bases for seed in range(EPISODES))
    spelling = f"BASE/DIMENSION#SEED, with BASE one of {', '.join(bases)} and seeds from 0 to {EPISODES - 1}"
    return TaskList(every, "ManiSkill", spelling)


def listed(base: str, dimension: Dimension, seed: int) -> Task:
    """One task of any seed."""
    drawn = draw(base, dimension, seed)
    return Task(
        name=f"{base}/{dimension}#{seed}",
        suite=base,
        base=base,
        dimension=dimension,
        subdimension=drawn.kind,
        parameters=_plain(drawn.perturbation),
        init_state=seed,
        perturbation=None if drawn.perturbation.is_identity else drawn.perturbation,
    )


def _plain(perturbation: Perturbation) -> dict[str, Parameter]:
    """A perturbation's parameters, those of several numbers one by one."""
    found: dict[str, Parameter] = {}
    for single in perturbation.parts:
        for name, value in single.to_json().items():
            if isinstance(value, tuple | list):
                found |= {f"{name}_{place}": round(number, 4) for place, number in enumerate(value)}
            elif name not in ("dimension", "kind"):
                found[name] = value
    return found
