"""What happened in an episode of two arms: who came near what, what was lifted, and what of the goal held.

Looked at every fifth control step, so that it costs 1 % of one. It knows no contacts: near is taken for reached, and
what was lifted and does not lie where it should was placed off, whether let go on purpose or not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.bimanual.goals import Goal
from pytest_robustplus.results.events import EpisodeEvents, Event, Failure, Subgoal

_EVERY = 5
_NEAR_M = 0.05
_LIFTED_M = 0.02
_MOVED_RAD = 0.05


class EventMonitor:
    """Watches one episode from its reset on."""

    def __init__(self, goal: Goal, scene: Any) -> None:
        self._goal, self._scene = goal, scene
        self._rest = {name: float(scene.position(name)[2]) for name in goal.moved}
        self._first: dict[str, int] = {}
        self._start = scene.values
        self._moved = False

    def watch(self, step: int, *, last: bool) -> None:
        """Look at the scene, if it is time to or if this is the ``last`` step."""
        if step % _EVERY and not last:
            return
        scene, goal = self._scene, self._goal
        self._moved = self._moved or bool(np.abs(scene.values - self._start).max() > _MOVED_RAD)
        tips = [np.asarray(arm.tip.p) for arm in scene.arms.values()]
        for name in goal.moved:
            place = np.asarray(scene.pose(name).p)
            if any(np.linalg.norm(tip - place) < _NEAR_M for tip in tips):
                self._first.setdefault(f"reach {name}", step)
            if float(scene.position(name)[2]) - self._rest[name] > _LIFTED_M:
                self._first.setdefault(f"lift {name}", step)
        for name, holds in goal.conjuncts.items():
            if name not in self._first and holds(scene):
                self._first[name] = step

    def events(self, steps: int, reached: bool) -> EpisodeEvents:
        """Tell it all, of an episode whose last ``steps`` control steps were the policy's."""
        goal, scene = self._goal, self._scene
        holding = {name for name, holds in goal.conjuncts.items() if reached or holds(scene)}
        subgoals = [
            Subgoal(f"{stage} {name}", self._first.get(f"{stage} {name}", 0))
            for name in goal.moved
            for stage in ("reach", "lift")
        ]
        subgoals += [Subgoal(name, self._first.get(name, steps) if name in holding else 0) for name in goal.conjuncts]
        return EpisodeEvents(
            failure=None if reached else self._failure(holding),
            subgoals=tuple(subgoals),
            events=tuple(sorted(Event(step, name) for name, step in self._first.items())),
        )

    def _failure(self, holding: set[str]) -> Failure:
        goal, scene = self._goal, self._scene
        if not self._moved:
            return Failure.NEVER_MOVED
        if any(name in self._first and name not in holding for name in goal.conjuncts):
            return Failure.LOST
        lifted = [name for name in goal.moved if f"lift {name}" in self._first]
        if any(float(scene.position(name)[2]) - self._rest[name] > _LIFTED_M and not holding for name in lifted):
            return Failure.TIMEOUT
        if lifted:
            return Failure.MISPLACED
        near = any(f"reach {name}" in self._first for name in goal.moved)
        return Failure.NOT_GRASPED if near else Failure.NEVER_REACHED
