"""How one model sees and acts: data, never code, so that a card can be reviewed and checked before episode 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PromptSource = Literal["task_language", "bddl"]
Flip = Literal["none", "vertical", "rotate180"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a model expects of one benchmark.

    ``replan`` is how many actions of a chunk are executed before the policy looks again. ``flip`` turns the
    simulator's raw frames into what the model was trained on, per camera. ``horizons`` are control steps per suite.
    """

    replan: int = 8
    cameras: tuple[str, ...] = ("agentview", "wrist")
    image_size: int = 256
    flip: Mapping[str, Flip] = field(default_factory=dict)
    settle_steps: int = 10
    settle_action: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    horizons: Mapping[str, int] = field(default_factory=dict)
    env_seed: int = 7
    prompt_source: PromptSource = "task_language"
