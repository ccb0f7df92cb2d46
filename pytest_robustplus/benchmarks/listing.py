"""A benchmark's frozen list of tasks, in its own order, each found by its name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import overload

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError

_OFFERED = 3


class TaskList(Sequence[Task]):
    """A list of tasks with unique names.

    ``title`` is what the error for a wrong name calls the benchmark; ``spelling`` says in it how names are made, such
    as ``BASE/DIMENSION#SEED``.
    """

    def __init__(self, tasks: Iterable[Task], title: str, spelling: str) -> None:
        self._tasks, self._title, self._spelling = tuple(tasks), title, spelling

    def find(self, name: str) -> Task:
        """Look one task up by name; raises ``BadInputError`` with the nearest names."""
        if (task := self._by_name.get(name)) is not None:
            return task
        near = self._near(name)
        hint = f" Did you mean {', or '.join(map(repr, near))}?" if near else ""
        raise BadInputError(f"{self._title} has no task {name!r}.{hint} Names are {self._spelling}.")

    @cached_property
    def _by_name(self) -> dict[str, Task]:
        return {task.name: task for task in self._tasks}

    def _near(self, name: str) -> list[str]:
        # Comparing with all of ten thousand long names takes seconds; a slip leaves most of the beginning right.
        shared = {other: _shared(name, other) for other in self._by_name}
        most = max(shared.values(), default=0)
        alike = [other for other, length in shared.items() if length >= most - most // 4]
        return difflib.get_close_matches(name, alike, n=_OFFERED)

    @overload
    def __getitem__(self, place: int) -> Task: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Task, ...]: ...

    def __getitem__(self, place: int | slice) -> Task | tuple[Task, ...]:
        return self._tasks[place]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


def _shared(name: str, other: str) -> int:
    """How many characters two names begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))
