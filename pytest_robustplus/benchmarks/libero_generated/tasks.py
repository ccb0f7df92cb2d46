"""The frozen list of the generated edition, read from one file of names; needs no simulator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_generated import names
from pytest_robustplus.benchmarks.libero_plus.tasks import TRIALS
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import Combined, Dimension

EDITION = 1
DRAWS = 4  # tasks of each base task, dimension and level
LIST = Path(__file__).parent / f"edition_{EDITION}.txt"


@cache
def tasks() -> TaskList:
    """Every task: those of the list, then LIBERO's base tasks × 50 stored initial states. Takes 0.1 s."""
    listed = tuple(_listed())
    bases = dict.fromkeys((task.suite, task.base) for task in listed)
    original = (
        Task(f"{suite}/{base}#{trial}", suite, base, Dimension.ORIGINAL, init_state=trial)
        for suite, base in bases
        for trial in range(TRIALS)
    )
    spelling = "SUITE/BASE+DIMENSION-LEVEL:PARAMETERS, or SUITE/BASE#TRIAL for an unperturbed task"
    return TaskList([*listed, *original], f"The generated edition {EDITION} of LIBERO-Plus", spelling)


def find_task(name: str) -> Task:
    """Look one task up by name; raises ``BadInputError`` with the nearest names."""
    return tasks().find(name)


def played(task: Task) -> Task:
    """The unperturbed LIBERO task under the perturbation that a listed task's name stands for, as it is played."""
    if task.dimension is Dimension.ORIGINAL:
        return task
    own = names.parse(task.name.partition("+")[2]).perturbation()
    both = own if task.perturbation is None else Combined(*own.parts, *task.perturbation.parts)
    return replace(
        task,
        name=f"{task.suite}/{task.base}#{task.init_state}",
        dimension=Dimension.ORIGINAL,
        parameters={},
        perturbation=both,
    )


@cache
def digest() -> str:
    """SHA-256 of the list."""
    return hashlib.sha256(LIST.read_bytes()).hexdigest()


def _listed() -> Iterator[Task]:
    suite = base = trial = ""
    for line in LIST.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith(" "):
            suite, _, rest = line.partition("/")
            base, _, trial = rest.partition("#")
            continue
        text = line.strip()
        variant = names.parse(text)
        yield Task(
            name=f"{suite}/{base}+{text}",
            suite=suite,
            base=base,
            dimension=variant.dimension or Dimension.COMBINED,
            subdimension=variant.subdimension,
            parameters=variant.parameters,
            init_state=int(trial),
        )
