"""Every undocumented choice in how LIBERO-Plus is played that published numbers depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pytest_robustplus.benchmarks.choices import Choices
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.profile import PromptSource

RobotStart = Literal["controller", "joints"]
ImageTiming = Literal["clock", "end"]
Noise = Literal["upstream", "packaged"]
CONTROL_HZ = 20
_LARGEST_SEED = 2**32 - 1  # what numpy's legacy generator takes


@dataclass(frozen=True, slots=True)
class LiberoProtocol(Choices):
    """How episodes are played. Every default is what published scores measured; the other value says what it names.

    ``prompt_source``: ``task_language`` tells the policy what LIBERO-Plus' task list derives from the file name, with
    the variant's suffix ("… view 0 0 100 2 352 initstate 0") in 8,493 tasks; ``bddl`` tells the task file's sentence.

    ``robot_start``: ``controller`` leaves the arm at its nominal joints, because loading the stored initial state
    overwrites the perturbed ones; they survive as the controller's reference, towards which the arm drifts.
    ``joints`` really starts the arm at the perturbed joints.

    ``image_timing``: ``clock`` shows the world as robosuite's observable clock samples it, 2 ms before the end of the
    50 ms control step; ``end`` shows it, and reads the joints, when the step is over.

    ``noise``: ``upstream`` shuffles the whole frame for glass blur; ``packaged`` only the 224 × 224 pixels that the
    packaged copy hard-codes, so that 32 rows and columns of a 256 × 256 frame stay in place. Fog is the same in both
    at 256 pixels, the only size that the packaged copy knows.

    ``env_seed``: seeds the reset, which moves fixtures (cabinet, stove) by about a centimetre; stored initial states
    leave them out.
    """

    TITLE: ClassVar[str] = "the LIBERO-Plus protocol"

    prompt_source: PromptSource = "task_language"
    robot_start: RobotStart = "controller"
    image_timing: ImageTiming = "clock"
    noise: Noise = "upstream"
    env_seed: int = 7

    @classmethod
    def convert(cls, choices: Mapping[str, str], where: str) -> Mapping[str, Any]:
        return {**choices, "env_seed": _seed(choices["env_seed"], where)} if "env_seed" in choices else choices


def _seed(value: str, where: str) -> int:
    if not value.isdecimal() or int(value) > _LARGEST_SEED:
        origin = f" (from {where})" if where else ""
        raise BadInputError(
            f"env_seed of the LIBERO-Plus protocol is {value!r}{origin}; it must be a whole number from 0 to"
            f" {_LARGEST_SEED}. Published scores used 7, 0 or a number of their own; 7 is the default."
        )
    return int(value)
