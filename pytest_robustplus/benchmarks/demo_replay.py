"""Open-loop replay: the recorded actions of a demonstration of the base task, whatever the scene looks like."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Actions, Observation

Demonstrations = Mapping[str, NDArray[np.float32]]


def key(task: Task) -> str:
    """Name of the base task's demonstration in the bank."""
    return f"{task.suite}/{task.base}"


def load(path: Path) -> Demonstrations:
    """Read a bank of float32 arrays of shape (steps, action width), keyed '<suite>/<base>'."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as bank:
            return {name: bank[name] for name in bank.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"Cannot read the demonstrations in {path}: {error}. Record them again with"
            " scripts/record_demonstrations.py."
        ) from error


class Replay:
    """Plays a demonstration back from the observation's step on; never looks.

    Every answer is the whole rest of the demonstration, so it works with any ``replan``. After its end, and for a task
    without one, the arm holds still with the gripper as it was left (open, LIBERO's -1, before any action).
    ``absolute`` actions hold still by repeating the last one.
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        hold: Sequence[float] = (0.0,) * 6 + (-1.0,),
        *,
        absolute: bool = False,
    ) -> None:
        self._demonstrations = demonstrations
        self._hold = np.array([hold], np.float64)
        self._absolute = absolute
        self._tapes: dict[int, Actions] = {}
        self.checkpoint = f"demonstrations-{_digest(demonstrations)}"

    def covers(self, task: Task) -> bool:
        """Whether there is a demonstration of the task's base task."""
        return key(task) in self._demonstrations

    def reset(self, slot: int, instruction: str) -> None:
        self._tapes.pop(slot, None)

    def attach(self, slot: int, simulator: Any) -> None:
        """Choose the demonstration by ``simulator.task``; reads nothing else."""
        recorded = self._demonstrations.get(key(simulator.task))
        if recorded is not None:
            self._tapes[slot] = recorded.astype(np.float64)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._rest(observation) for observation in observations]

    def _rest(self, observation: Observation) -> Actions:
        tape = self._tapes.get(observation.slot)
        if tape is None:
            return self._hold.copy()
        if observation.step < len(tape):
            return tape[observation.step :].copy()
        if self._absolute:
            return tape[-1:].copy()
        still = self._hold.copy()
        still[:, -1] = tape[-1, -1]
        return still


def _digest(demonstrations: Demonstrations) -> str:
    digest = hashlib.sha256()
    for name in sorted(demonstrations):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(demonstrations[name]).tobytes())
    return digest.hexdigest()[:12]
