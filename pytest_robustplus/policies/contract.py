"""What a policy is to this package: instructions and observations in, action chunks out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Depth = NDArray[np.float32]
Vector = NDArray[np.float64]
Actions = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a policy may look at before it acts.

    ``images`` maps a camera's name to (height, width, 3) uint8; ``state`` maps a name of the benchmark's
    proprioception (``eef_pos`` in metres, ``eef_quat`` as xyzw, ``joint_pos`` in radians, …) to a vector.
    ``step`` counts control steps since the scene settled; ``slot`` tells the simulators of one pool apart.
    ``depth`` maps the cameras that a profile wants it of to (height, width) float32: for each pixel of the image,
    metres along the camera's axis, 0 where nothing was measured.
    """

    images: Mapping[str, Image]
    state: Mapping[str, Vector]
    instruction: str
    step: int = 0
    slot: int = 0
    depth: Mapping[str, Depth] = field(default_factory=dict)


class Policy(Protocol):
    """A checkpoint behind a transport.

    ``act`` may be given the observations of several slots at once, in any mixture; ``slot`` says which episode each is
    of. A policy that can keep only one episode in mind says so by an attribute ``remembers_one = True``. One that has
    to know which suite and base task an episode is of has a method ``begin(slot, suite, task)``, called before
    ``reset``.
    """

    def reset(self, slot: int, instruction: str) -> None:
        """Forget everything about ``slot``: a new episode with this instruction begins there."""
        ...

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        """Answer each observation with an action chunk of shape (steps, action width)."""
        ...


def begin(policy: Policy, slot: int, instruction: str, *, suite: str, task: str) -> None:
    """Tell a policy that an episode begins: which one, if it asks for that, and what it is to do."""
    told: Callable[[int, str, str], None] | None = getattr(policy, "begin", None)
    if told is not None:
        told(slot, suite, task)
    policy.reset(slot, instruction)


@runtime_checkable
class Privileged(Protocol):
    """A policy that reads the simulator itself, as an expert script does; never a model."""

    def attach(self, slot: int, simulator: Any) -> None:
        """See the simulator whose scene has just settled in ``slot``."""
        ...
