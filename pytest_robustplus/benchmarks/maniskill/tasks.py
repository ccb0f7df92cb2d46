"""The list: each base task in seven dimensions, 50 seeds each, as many as the published benchmarks play."""

from __future__ import annotations

from functools import cache

from pytest_robustplus.benchmarks.contract import Parameter, Task
from pytest_robustplus.benchmarks.maniskill.draws import draw
from pytest_robustplus.errors import unknown
from pytest_robustplus.perturbations import DIMENSIONS as COLUMNS
from pytest_robustplus.perturbations import Dimension, Perturbation

EPISODES = 50
# Layout is missing: ManiSkill draws placements for every seed anyway, and has no objects to spare.
DIMENSIONS = tuple(dimension for dimension in COLUMNS if dimension is not Dimension.LAYOUT)


@cache
def tasks(bases: tuple[str, ...]) -> tuple[Task, ...]:
    """Every task, named BASE/DIMENSION#SEED; placements of a seed are the same in all dimensions."""
    return tuple(
        listed(base, dimension, seed) for dimension in DIMENSIONS for base in bases for seed in range(EPISODES)
    )


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


def find_task(name: str, bases: tuple[str, ...]) -> Task:
    """Look one task up by name; raises ``BadInputError`` with the nearest name."""
    known = _by_name(bases)
    if name not in known:
        raise unknown("task of ManiSkill", name, known)
    return known[name]


@cache
def _by_name(bases: tuple[str, ...]) -> dict[str, Task]:
    return {task.name: task for task in tasks(bases)}


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
