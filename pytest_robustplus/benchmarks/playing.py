"""What simulators of one scene at a time have in common: the task at hand, and pictures only for who looks."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from importlib.metadata import version
from typing import TypeVar

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import SimulatorError
from pytest_robustplus.policies.contract import Observation

T = TypeVar("T")


class OneScene(ABC):
    """Holds the task at hand, how many steps were taken, and what the last of them saw."""

    def __init__(self) -> None:
        self._task: Task | None = None
        self._instruction = ""
        self._step = 0
        self._seen: Observation | None = None

    @property
    def task(self) -> Task:
        """The task at hand, for scripts that play by its name."""
        return playing(self._task)

    def observe(self) -> Observation:
        """Return what the step that looked saw, or after a reset what is there now."""
        playing(self._task)
        if self._seen is None and self._step == 0:
            self._seen = self._observed()
        if self._seen is None:
            raise SimulatorError(
                "The last step did not render, so there is nothing to observe. Pass render=True to the step before."
            )
        return self._seen

    @abstractmethod
    def _observed(self) -> Observation:
        """Draw what the cameras show now, and read the other sensors."""

    def _begin(self, task: Task, instruction: str) -> str:
        """Note that a task's scene stands in its initial state; return the instruction."""
        self._task, self._instruction, self._step, self._seen = task, instruction, 0, None
        return instruction

    def _leave(self) -> None:
        """Forget the task at hand."""
        self._task = self._seen = None


def playing(what: T | None) -> T:
    """Return what is there while a task is played; raises ``SimulatorError`` where none is."""
    if what is None:
        raise SimulatorError("No task is being played. Call reset(task) first.")
    return what


def versions(*packages: str) -> dict[str, str]:
    """The versions of installed packages and of Python, for ``provenance``."""
    return {**{package: version(package) for package in packages}, "python": platform.python_version()}
