"""Every choice in how the bimanual tasks are played that a result depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_robustplus.benchmarks.choices import Choices

Parameters = Literal["documented", "released"]
Instructions = Literal["seen", "unseen"]
Switch = Literal["off", "on"]
DRAWING = ("parameters", "spherical_camera")  # the choices that change what a task is perturbed by


@dataclass(frozen=True, slots=True)
class BimanualProtocol(Choices):
    """How episodes are played.

    ``parameters``: ``documented`` perturbs as RoboTwin 2.0-Plus says; ``released`` as its code of 2026-07-29 does,
    which is what its published table measured: noise always of severity 2 and motion blur isotropic, materials
    unchanged, light from below where there are shadows and from the usual side elsewhere, grippers as usual.

    ``spherical_camera``: ``on`` adds C2 (azimuth and elevation ±10°, distance ±10 %), which 2.0-Plus switches off.

    ``instructions``: which of RoboTwin's two kinds of wording an episode outside the language dimension is told in.

    ``prompt_source`` and ``env_seed`` have one value each: instructions and seeds come with the task list.
    """

    TITLE: ClassVar[str] = "the bimanual protocol"

    parameters: Parameters = "documented"
    spherical_camera: Switch = "off"
    instructions: Instructions = "seen"
    prompt_source: Literal["task_language"] = "task_language"
    env_seed: Literal["0"] = "0"
