"""LIBERO-PRO's list: four suites under five changes, ten tasks each, 50 stored initial states a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.tasks import TRIALS
from pytest_robustplus.benchmarks.libero_pro import files
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.perturbations import Dimension

# The columns of its table: Obj, Pos, Sem, Task; the last, Env, has no task files.
COLUMNS: Mapping[str, Dimension] = {
    "object": Dimension.OBJECT,
    "swap": Dimension.LAYOUT,
    "lan": Dimension.LANGUAGE,
    "task": Dimension.TASK,
    "env": Dimension.BACKGROUND,
}
UNRELEASED = "has no files: LIBERO-PRO's tasks in other environments were never released (its issues 9 and 24)"
# Its goal is a can 9.4 cm wide, and the gripper opens 8 cm.
UNGRASPABLE = frozenset(
    {
        "libero_object/object/pick_up_the_alphabet_soup_and_place_it_in_the_basket",
        "libero_10/object/LIVING_ROOM_SCENE1_put_both_the_alphabet_soup_and_the_cream_cheese_box_in_the_basket",
        "libero_10/object/LIVING_ROOM_SCENE2_put_both_the_alphabet_soup_and_the_tomato_sauce_in_the_basket",
    }
)


@cache
def tasks() -> TaskList:
    """Every task, 10,000 in all; the 2,000 of the unreleased column are blocked. Reads names of files only."""
    spelling = f"SUITE/KIND/BASE#TRIAL, with KIND one of {', '.join(COLUMNS)}"
    return TaskList(_listed(), "LIBERO-PRO", spelling)


def played(task: Task) -> Task:
    """The same task as LIBERO's environment knows it: in the folder of its suite and kind; LIBERO's own as they are."""
    _, _, rest = task.name.partition("/")
    kind, slash, _ = rest.partition("/")
    if not slash:
        return task
    name = f"{task.suite}_{kind}/{task.base}#{task.init_state}"
    return replace(task, name=name, suite=f"{task.suite}_{kind}", dimension=Dimension.ORIGINAL, parameters={})


def _listed() -> Iterator[Task]:
    for suite in packages.SUITES:
        for kind, dimension in COLUMNS.items():
            # The environments' ten tasks a suite are those of the other columns.
            listed = files.folder() / "bddl_files" / f"{suite}_{'lan' if kind == 'env' else kind}"
            for base in sorted(path.stem for path in listed.glob("*.bddl")):
                ungraspable = f"{suite}/{kind}/{base}" in UNGRASPABLE
                for trial in range(TRIALS):
                    yield Task(
                        name=f"{suite}/{kind}/{base}#{trial}",
                        suite=suite,
                        base=base,
                        dimension=dimension,
                        subdimension="too wide for the gripper" if ungraspable else "",
                        init_state=trial,
                        blocked=UNRELEASED if kind == "env" else "",
                    )
