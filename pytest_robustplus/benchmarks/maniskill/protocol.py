"""Every choice in how ManiSkill3's tasks are played that a result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pytest_robustplus.benchmarks import choices as named

Physics = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class ManiSkillProtocol:
    """How episodes are played.

    ``control``: the controller, by ManiSkill's own name. ``tasks``: other registered tasks in place of the listed ones,
    with ``+`` between. ``physics``: PhysX on processors, or on a card, where ``--robust-simulators`` says how many
    scenes step together.

    ``prompt_source`` and ``env_seed`` have one value each: instructions and seeds come with the task list.
    """

    control: str = "pd_ee_delta_pose"
    tasks: str = ""
    physics: Physics = "cpu"
    prompt_source: Literal["task_language"] = "task_language"
    env_seed: Literal["0"] = "0"

    @classmethod
    def parse(cls, choices: Mapping[str, str], *, where: str = "") -> ManiSkillProtocol:
        """Build a protocol from strings; what is absent stays at its default. Raises ``BadInputError``."""
        named.check_brought(choices, "ManiSkill")
        named.check(cls, choices, "the ManiSkill protocol", where)
        return cls(**choices)  # type: ignore[arg-type]  # every value is one of its literals

    @property
    def bases(self) -> tuple[str, ...]:
        """The tasks that are asked for by name; empty: the listed ones."""
        return tuple(filter(None, self.tasks.split("+")))

    def choices(self) -> dict[str, str]:
        """Every choice as a string; ``parse`` reads it back."""
        return asdict(self)

    def digest(self) -> str:
        """Return 12 hexadecimal digits that differ between any two protocols."""
        return named.digest(self.choices())
