"""Every choice in how the bimanual tasks are played that a result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pytest_robustplus.benchmarks import choices as named

Parameters = Literal["documented", "released"]
Instructions = Literal["seen", "unseen"]
Switch = Literal["off", "on"]
DRAWING = ("parameters", "spherical_camera")  # the choices that change what a task is perturbed by


@dataclass(frozen=True, slots=True)
class BimanualProtocol:
    """How episodes are played.

    ``parameters``: ``documented`` perturbs as RoboTwin 2.0-Plus says; ``released`` as its code of 2026-07-29 does,
    which is what its published table measured: noise always of severity 2 and motion blur isotropic, materials
    unchanged, light from below where there are shadows and from the usual side elsewhere, grippers as usual.

    ``spherical_camera``: ``on`` adds C2 (azimuth and elevation ±10°, distance ±10 %), which 2.0-Plus switches off.

    ``instructions``: which of RoboTwin's two kinds of wording an episode outside the language dimension is told in.

    ``prompt_source`` and ``env_seed`` have one value each: instructions and seeds come with the task list.
    """

    parameters: Parameters = "documented"
    spherical_camera: Switch = "off"
    instructions: Instructions = "seen"
    prompt_source: Literal["task_language"] = "task_language"
    env_seed: Literal["0"] = "0"

    @classmethod
    def parse(cls, choices: Mapping[str, str], *, where: str = "") -> BimanualProtocol:
        """Build a protocol from strings, as options and ledgers hold them; what is absent stays at its default.

        Raises ``BadInputError`` with the nearest right key or value; ``where`` says in it who asked.
        """
        named.check_brought(choices, "the bimanual benchmark")
        named.check(cls, choices, "the bimanual protocol", where)
        return cls(**choices)  # type: ignore[arg-type]  # every value is one of its literals

    def choices(self) -> dict[str, str]:
        """Every choice as a string; ``parse`` reads it back."""
        return asdict(self)

    def digest(self) -> str:
        """Return 12 hexadecimal digits that differ between any two protocols."""
        return named.digest(self.choices())
