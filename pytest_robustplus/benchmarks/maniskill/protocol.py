"""Every choice in how ManiSkill3's tasks are played that a result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from pytest_robustplus.errors import BadInputError, unknown
from pytest_robustplus.models.profile import PromptSource

Physics = Literal["cpu", "cuda"]
_FIXED = {"prompt_source": "task_language", "env_seed": "0"}


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
    prompt_source: PromptSource = "task_language"
    env_seed: Literal["0"] = "0"

    @classmethod
    def parse(cls, choices: Mapping[str, str], *, where: str = "") -> ManiSkillProtocol:
        """Build a protocol from strings; what is absent stays at its default. Raises ``BadInputError``."""
        known = [field.name for field in fields(cls)]
        for key, value in choices.items():
            if key not in known:
                raise unknown("choice of the ManiSkill protocol", key, known, where=where)
            if key in _FIXED and value != _FIXED[key]:
                raise BadInputError(
                    f"{key} is {value!r}, but ManiSkill's task list brings its own: leave it at {_FIXED[key]!r}."
                )
            if key == "physics" and value not in get_args(Physics):
                raise unknown("physics of the ManiSkill protocol", value, get_args(Physics), where=where)
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
        return hashlib.sha256(json.dumps(self.choices(), sort_keys=True).encode()).hexdigest()[:12]
