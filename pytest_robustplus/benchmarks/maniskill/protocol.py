"""Every choice in how ManiSkill3's tasks are played that a result depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_robustplus.benchmarks.choices import Choices

Physics = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class ManiSkillProtocol(Choices):
    """How episodes are played.

    ``control``: the controller, by ManiSkill's own name. ``tasks``: other registered tasks in place of the listed ones,
    with ``+`` between. ``physics``: PhysX on processors, or on a card, where ``--robust-simulators`` says how many
    scenes step together.

    ``prompt_source`` and ``env_seed`` have one value each: instructions and seeds come with the task list.
    """

    TITLE: ClassVar[str] = "the ManiSkill protocol"

    control: str = "pd_ee_delta_pose"
    tasks: str = ""
    physics: Physics = "cpu"
    prompt_source: Literal["task_language"] = "task_language"
    env_seed: Literal["0"] = "0"

    @property
    def bases(self) -> tuple[str, ...]:
        """The tasks that are asked for by name; empty: the listed ones."""
        return tuple(filter(None, self.tasks.split("+")))
