"""Modality ablation: the same policy with one modality taken away, to learn what a cell tests at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pytest_robustplus.policies.contract import Actions, Observation, Policy, Vector

# Grey holds nothing about any scene and is the same for every policy, worker and benchmark; a picture of another scene
# would tell a policy something, and the right thing wherever that scene is the one being played.
GREY = 127
# Fits every task and names none; some tokenisers refuse an empty text.
NOTHING_TOLD = "do the task"


def ablation_name(model: str, modality: str) -> str:
    """What a model without a modality is called, apart from the model in episodes, history and baselines."""
    return f"{model}-{modality}"


class Ablated:
    """Stands between a profile and its policy, which it shares with the model itself.

    Without ``vision`` frames are grey and no depth is measured, without ``language`` one sentence is given for all
    tasks, without ``proprioception`` that of each episode's first observation is repeated.
    """

    def __init__(self, policy: Policy, modality: str) -> None:
        self.policy = policy
        self.modality = modality
        self.remembers_one = getattr(policy, "remembers_one", False)
        self._first: dict[int, Mapping[str, Vector]] = {}

    def begin(self, slot: int, suite: str, task: str) -> None:
        """Pass on which episode begins, to a policy that asks for it: that is how it is reached, nothing it senses."""
        told = getattr(self.policy, "begin", None)
        if told is not None:
            told(slot, suite, task)

    def reset(self, slot: int, instruction: str) -> None:
        self._first.pop(slot, None)
        self.policy.reset(slot, NOTHING_TOLD if self.modality == "language" else instruction)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        take: Callable[[Observation], Observation] = getattr(self, f"_without_{self.modality}")
        return self.policy.act([take(observation) for observation in observations])

    def _without_vision(self, seen: Observation) -> Observation:
        grey = {name: np.full_like(image, GREY) for name, image in seen.images.items()}
        return replace(seen, images=grey, depth={name: np.zeros_like(depth) for name, depth in seen.depth.items()})

    def _without_language(self, seen: Observation) -> Observation:
        return replace(seen, instruction=NOTHING_TOLD)

    def _without_proprioception(self, seen: Observation) -> Observation:
        return replace(seen, state=self._first.setdefault(seen.slot, seen.state))
