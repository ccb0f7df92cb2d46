"""From a file's own terms to the tasks of a benchmark's list; what does not fit exactly one is said, never guessed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.interchange.trials import Found, Trial
from pytest_robustplus.perturbations import Dimension


class Directory:
    """A benchmark's tasks by name, by place in their suite and by the words of their instruction."""

    def __init__(self, tasks: Sequence[Task], spoken: Callable[[Task], str] | None = None) -> None:
        self._tasks = tasks
        self._spoken = spoken

    @cached_property
    def names(self) -> Mapping[str, Task]:
        """Every task by its full name."""
        return {task.name: task for task in self._tasks}

    @cached_property
    def _perturbed(self) -> Mapping[str, list[Task]]:
        """Each suite's perturbed tasks, in the benchmark's order."""
        suites: dict[str, list[Task]] = defaultdict(list)
        for task in self._tasks:
            if task.dimension is not Dimension.ORIGINAL:
                suites[task.suite].append(task)
        return suites

    @cached_property
    def _written(self) -> Mapping[tuple[str, str], list[Task]]:
        """Tasks by suite and the words of their name, all initial states of an unperturbed one together."""
        found: dict[tuple[str, str], list[Task]] = defaultdict(list)
        for task in self._tasks:
            stem = task.name.rpartition("/")[2] if task.name.startswith(f"{task.suite}/") else task.name
            for words in {_plain(stem.partition("#")[0]), _plain(_without_scene(stem.partition("#")[0]))}:
                found[task.suite, words].append(task)
                found["", words].append(task)
        return found

    @cached_property
    def _told(self) -> Mapping[tuple[str, str], list[Task]]:
        """Perturbed tasks by suite and what a policy is told, which takes reading their files."""
        found: dict[tuple[str, str], list[Task]] = defaultdict(list)
        if self._spoken is not None:
            for task in self._tasks:
                if task.dimension is Dimension.LANGUAGE:
                    words = _plain(self._spoken(task))
                    found[task.suite, words].append(task)
                    found["", words].append(task)
        return found

    def find(self, trial: Trial, *, unperturbed: bool | None) -> Task | str:
        """Look up the one task that a trial is of; a text says why there is none."""
        if trial.name in self.names:
            return self.names[trial.name]
        if f"{trial.suite}/{trial.name}" in self.names:
            return self.names[f"{trial.suite}/{trial.name}"]
        if f"{trial.name}#{trial.number}" in self.names:
            return self.names[f"{trial.name}#{trial.number}"]
        if trial.place is not None:
            return self._at(trial, unperturbed=unperturbed)
        return self._by_words(trial, unperturbed=unperturbed)

    def _at(self, trial: Trial, *, unperturbed: bool | None) -> Task | str:
        assert trial.place is not None
        if trial.suite not in self._perturbed:
            return f"the benchmark has no suite {trial.suite!r}"
        if unperturbed is None:
            return (
                "task numbers below 10 may be LIBERO's or LIBERO-Plus': name the dimensions with --robust-perturbation"
                " if they are LIBERO-Plus', and give LIBERO's own as a CSV with their names in its column task"
            )
        if unperturbed:
            # LIBERO numbers its tasks in an order of its own, which these lists do not hold.
            if trial.words:
                return self._by_words(trial, unperturbed=True)
            return "the order in which LIBERO numbers its own tasks is not known here: give a CSV with their names"
        listed = self._perturbed[trial.suite]
        if not 0 <= trial.place < len(listed):
            return f"{trial.suite} has {len(listed):,} tasks"
        task = listed[trial.place]
        if trial.words and _plain(trial.words) not in self._spellings(task):
            return f"its number means {task.name}, its words do not: another version of the list?"
        return task

    def _spellings(self, task: Task) -> set[str]:
        stem = task.name.rpartition("/")[2].partition("#")[0]
        told = {_plain(self._spoken(task))} if self._spoken is not None else set()
        return {_plain(stem), _plain(_without_scene(stem))} | told

    def _by_words(self, trial: Trial, *, unperturbed: bool | None) -> Task | str:
        key = trial.suite, _plain(trial.words or trial.name)
        found = self._written.get(key) or self._told.get(key, [])
        if unperturbed is not None:
            found = [task for task in found if (task.dimension is Dimension.ORIGINAL) is unperturbed]
        if found and all(task.dimension is Dimension.ORIGINAL for task in found):
            found = [task for task in found if task.init_state == trial.number]
            if not found:
                return f"the benchmark has no initial state {trial.number} of it"
        if len(found) == 1:
            return found[0]
        return f"{len(found)} tasks of the benchmark fit" if found else "the benchmark lists no such task"


def _plain(words: str) -> str:
    return " ".join(words.replace("_", " ").lower().split())


def _without_scene(stem: str) -> str:
    """LIBERO-100's names begin with a scene in capitals, which is no part of what a policy is told."""
    head, _, rest = stem.partition("_SCENE")
    return rest.partition("_")[2] if rest and head.isupper() else stem


@dataclass(frozen=True, slots=True)
class Placed:
    """Trials by the task they are of, and what could not be used, by reason."""

    outcomes: Mapping[str, Trial]
    errors: int = 0
    repeats: int = 0
    strangers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Reason to the labels of the trials that it keeps out."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: outcomes by dimension as (successes, tasks, tasks listed), and what it could not use."""

    model: str
    title: str
    """Of the benchmark."""
    ledger: Path
    found: Sequence[Found]
    placed: Placed
    counts: Mapping[Dimension, tuple[int, int, int]]
    new: int


def place(found: Iterable[Found], directory: Directory, *, unperturbed: bool | None = None) -> Placed:
    """Look up every trial; the first outcome of a task counts, as the benchmark plays it once."""
    outcomes: dict[str, Trial] = {}
    strangers: dict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for file in found:
        kind = file.unperturbed if file.unperturbed is not None else unperturbed
        for trial in file.trials:
            if trial.success is None:
                counts["errors"] += 1
                continue
            task = directory.find(trial, unperturbed=kind)
            if isinstance(task, str):
                strangers[task].append(trial.label)
            elif task.name in outcomes:
                counts["repeats"] += 1
            else:
                outcomes[task.name] = trial
    return Placed(outcomes, counts["errors"], counts["repeats"], dict(strangers))
