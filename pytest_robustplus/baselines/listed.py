"""A benchmark's task list as baselines see it: names in order, by dimension and suite."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from pytest_robustplus.perturbations import Dimension

Counts = Mapping[tuple[str | None, Dimension], int]


class ListedTask(Protocol):
    """What a baseline needs to know of one entry of a benchmark's task list."""

    @property
    def name(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def dimension(self) -> Dimension: ...


def count_tasks(tasks: Iterable[ListedTask]) -> Counts:
    """Count a task list by (suite, dimension), and by (None, dimension) over all suites."""
    counts: Counter[tuple[str | None, Dimension]] = Counter()
    for task in tasks:
        counts[task.suite, task.dimension] += 1
        counts[None, task.dimension] += 1
    return counts


def group_tasks(tasks: Iterable[ListedTask]) -> Mapping[Dimension, Mapping[str, list[str]]]:
    """Collect the names by dimension and suite, each group in the order of the list."""
    groups: dict[Dimension, dict[str, list[str]]] = {}
    for task in tasks:
        groups.setdefault(task.dimension, {}).setdefault(task.suite, []).append(task.name)
    return groups


def digest_tasks(tasks: Iterable[ListedTask]) -> str:
    """Return the SHA-256 of the names in order, one a line, as hexadecimal digits."""
    return hashlib.sha256("\n".join(task.name for task in tasks).encode()).hexdigest()
