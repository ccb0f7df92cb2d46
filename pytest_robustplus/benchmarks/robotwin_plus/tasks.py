"""RoboTwin's list: 50 tasks in eight configurations, a fixed number of episodes of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.listing import TaskList
from pytest_robustplus.benchmarks.robotwin_plus.checkout import OPTION, PLUS, Checkout
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import default_profile

# The tasks are those that RoboTwin has a step limit for.
BASES: tuple[str, ...] = tuple(default_profile("robotwin_plus").horizons)
CONFIGURATIONS: Mapping[Dimension, str] = MappingProxyType(
    {
        Dimension.ORIGINAL: "demo_clean",
        Dimension.CAMERA: "demo_camera",
        Dimension.ROBOT: "demo_robot_state",
        Dimension.LANGUAGE: "demo_language_plus",
        Dimension.LIGHT: "demo_light",
        Dimension.BACKGROUND: "demo_background_plus",
        Dimension.NOISE: "demo_vision_noise",
        Dimension.LAYOUT: "demo_objects_plus",
    }
)
# 2.0-Plus takes its kinds of noise in turn, episode by episode.
_NOISES = ("motion", "gaussian", "zoom", "fog", "glass")


@cache
def tasks(checkout: Checkout | None, trials: int) -> TaskList:
    """Every task, named BASE/CONFIGURATION#EPISODE; which seed an episode has is known once the expert has played."""
    every = (
        Task(
            name=f"{base}/{configuration}#{episode}",
            suite=base,
            base=base,
            dimension=dimension,
            subdimension=_NOISES[episode % len(_NOISES)] if dimension is Dimension.NOISE else "",
            init_state=episode,
            blocked=_blocked(checkout, base, configuration),
        )
        for dimension, configuration in CONFIGURATIONS.items()
        for base in BASES
        for episode in range(trials)
    )
    example = f"{BASES[0]}/{CONFIGURATIONS[Dimension.CAMERA]}#0"
    return TaskList(
        every, "RoboTwin", f"BASE/CONFIGURATION#EPISODE, such as {example}, with episodes from 0 to {trials - 1}"
    )


@cache
def _blocked(checkout: Checkout | None, base: str, configuration: str) -> str:
    if checkout is None:
        return f"needs a checkout of {PLUS}, which {OPTION}=DIR names"
    if not checkout.has_task(base):
        return f"{checkout.folder} has no envs/{base}.py"
    if not checkout.has_configuration(configuration):
        return f"{checkout.version} has no task_config/{configuration}.yml; {PLUS} does"
    return ""
