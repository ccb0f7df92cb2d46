"""Every choice in how RoboTwin is played that a result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pytest_robustplus.benchmarks.choices import Choices
from pytest_robustplus.errors import BadInputError

# RoboTwin counts from 100,000 · (1 + seed); numpy's generator, which it seeds, takes 32 bits.
_LARGEST_SEED = 40_000
_FIRST_SEED = 100_000
LISTING = ("trials",)  # the choices that change which tasks there are


@dataclass(frozen=True, slots=True)
class RoboTwinProtocol(Choices):
    """How episodes are played; the defaults are what the published table of 2.0-Plus was measured by.

    ``parameters`` has one value: what is played is the checkout's own code and configurations, as ``released``.

    ``trials``: episodes of each task in each configuration; 50 in the published table, 100 in RoboTwin's own script.

    ``seeds``: ``consecutive`` counts seeds on from one episode's to the next, as RoboTwin does, so that the expert has
    to play all episodes of a task before the last one's seed is known; ``apart`` gives each episode 1,000 seeds of its
    own to count from.

    ``instructions``: which of RoboTwin's two kinds of wording is told outside the language dimension.

    ``shader``: what SAPIEN draws with: ``rt`` traces rays, as RoboTwin does, which takes a graphics card; ``default``
    rasterises.

    ``env_seed`` is RoboTwin's own ``seed``: 100,000 · (1 + env_seed) is the first. ``prompt_source`` has one value.
    """

    TITLE: ClassVar[str] = "the RoboTwin protocol"

    parameters: Literal["released"] = "released"
    trials: Literal["50", "100"] = "50"
    seeds: Literal["consecutive", "apart"] = "consecutive"
    instructions: Literal["seen", "unseen"] = "seen"
    shader: Literal["rt", "default"] = "rt"
    prompt_source: Literal["benchmark"] = "benchmark"
    env_seed: str = "0"

    @classmethod
    def convert(cls, choices: Mapping[str, str], where: str) -> Mapping[str, Any]:
        seed = choices.get("env_seed", "0")
        if not seed.isdecimal() or int(seed) > _LARGEST_SEED:
            raise BadInputError(
                f"env_seed of {cls.TITLE} is {seed!r}; it must be a whole number from 0 to {_LARGEST_SEED}, and"
                " published scores used 0."
            )
        return choices

    @property
    def first_seed(self) -> int:
        """Where RoboTwin begins to count."""
        return _FIRST_SEED * (1 + int(self.env_seed))
