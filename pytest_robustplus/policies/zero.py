"""The floor: a policy that does nothing, which no cell may mistake for skill."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_robustplus.policies.contract import Actions, Observation


class Zero:
    """Answers ``hold``, by default zero deltas with an open gripper (LIBERO's convention), shape (1, action width)."""

    def __init__(self, hold: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)) -> None:
        self._hold = np.array([hold], np.float64)
        self.checkpoint = "zero-" + ",".join(f"{value:g}" for value in hold)

    def reset(self, slot: int, instruction: str) -> None:
        """Nothing to forget."""

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._hold.copy() for _ in observations]
