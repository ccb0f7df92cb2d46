"""A policy of which only results are at hand: an accepted file, or a model's episodes in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_robustplus.errors import PolicyError
from pytest_robustplus.policies.contract import Actions, Observation

# What such a policy says of its weights, and episodes that are told from it, too.
RECORDED = "recorded"


def retold(checkpoint: str) -> bool:
    """Whether what stands under a checkpoint was told from a recording and not played: nothing of it can be shown."""
    return checkpoint.partition(":")[0] == RECORDED


class Recorded:
    """Stands where a policy does and never acts; ``source`` is a .toml file or the name of a model in the ledger."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.checkpoint = RECORDED

    def reset(self, slot: int, instruction: str) -> None:
        self._refuse()

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self._refuse()
        return []

    def _refuse(self) -> None:
        raise PolicyError(f"Of {self.source} only results are recorded; it cannot play. Choose the model itself.")
