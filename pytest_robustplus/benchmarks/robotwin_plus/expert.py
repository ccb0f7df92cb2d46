"""RoboTwin's expert as a policy: where it sent the robot while it verified the seed, executed as a policy's actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.contract import Actions, Observation


class Expert:
    """Answers the expert's whole path, then its last pose; open loop, on the very scene that the path was made for."""

    checkpoint = "robotwin-expert"

    def __init__(self) -> None:
        self._paths: dict[int, Actions] = {}

    def reset(self, slot: int, instruction: str) -> None:
        """Nothing to forget before ``attach``."""

    def attach(self, slot: int, simulator: Any) -> None:
        """Take the path of the episode at hand."""
        path = simulator.verified.found.path
        if path is None:
            raise PolicyError("The expert left no path on this seed.")
        self._paths[slot] = path

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        answers = []
        for observation in observations:
            path = self._paths[observation.slot]
            answers.append(np.array(path[min(observation.step, len(path) - 1) :]))
        return answers
