"""A script that solves four of the tasks from what the simulator knows: small steps of the fingertips, looked after."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Actions, Observation

Vector = NDArray[np.float64]
CONTROL = "pd_ee_delta_pose"
_OPEN, _CLOSED = 1.0, -1.0
_FULL_M = 0.1  # what the controller makes of an action of 1
_FASTEST = 0.5
_NEAR_M = 0.012
_ABOVE = np.array([0.0, 0.0, 0.10])
_CUBE = np.array([0.0, 0.0, 0.04])
_LEG_STEPS = 40  # steps for one leg; an arm that starts badly may not get nearer


class Facts(NamedTuple):
    """Where things are in one scene, metres: the fingertips, what is moved, where to."""

    tip: Vector
    thing: Vector
    goal: Vector


class _Scene(NamedTuple):
    world: Any
    number: int


Motion = Generator[Actions, Facts, None]
Leg = Generator[Actions, Facts, Facts]  # part of a motion; returns what is known at its end


class Expert:
    """Answers one action at a time; reads all scenes of a world together, so a card is asked once a step."""

    checkpoint = "maniskill-expert-1"

    def __init__(self) -> None:
        self._scenes: dict[int, _Scene] = {}
        self._motions: dict[int, Motion] = {}
        self._begun: set[int] = set()

    def reset(self, slot: int, instruction: str) -> None:
        self._motions.pop(slot, None)

    def attach(self, slot: int, simulator: Any) -> None:
        """Take the world and the scene's number; raises ``BadInputError`` for a task that it cannot solve."""
        base = simulator.task.base
        if base not in SOLUTIONS:
            raise BadInputError(
                f"The expert of ManiSkill plays {', '.join(SOLUTIONS)}, not {base}. Choose them by --robust-suite."
            )
        if simulator.protocol.control != CONTROL:
            raise BadInputError(f"The expert of ManiSkill needs control={CONTROL}, not {simulator.protocol.control}.")
        self._scenes[slot] = _Scene(simulator.world, simulator.scene)
        self._motions[slot] = SOLUTIONS[base].motion()
        self._begun.discard(slot)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        read: dict[int, Facts] = {}
        answers = []
        for observation in observations:
            scene = self._scenes[observation.slot]
            if id(scene.world) not in read:
                read[id(scene.world)] = SOLUTIONS[scene.world.base].read(scene.world.env)
            every = read[id(scene.world)]
            facts = Facts(*(values[scene.number] for values in every))
            answers.append(self._next(observation.slot, facts)[None])
        return answers

    def _next(self, slot: int, facts: Facts) -> Actions:
        motion = self._motions[slot]
        try:
            if slot not in self._begun:
                self._begun.add(slot)
                next(motion)
            return motion.send(facts)
        except StopIteration:
            return _hold(_OPEN)


def _go(facts: Facts, where: Callable[[Facts], Vector], gripper: float, *, near: float = _NEAR_M) -> Leg:
    """Move the fingertips until they are near a place that may move itself."""
    for _ in range(_LEG_STEPS):
        way = where(facts) - facts.tip
        if np.linalg.norm(way) < near:
            break
        action = _hold(gripper)
        action[:3] = np.clip(way / _FULL_M, -_FASTEST, _FASTEST)
        facts = yield action
    return facts


def _wait(facts: Facts, gripper: float, steps: int) -> Leg:
    for _ in range(steps):
        facts = yield _hold(gripper)
    return facts


def _begin() -> Leg:
    return (yield np.zeros(7))


def _grasp(facts: Facts) -> Leg:
    facts = yield from _go(facts, lambda now: now.thing + _ABOVE, _OPEN)
    facts = yield from _go(facts, lambda now: now.thing, _OPEN, near=0.006)
    return (yield from _wait(facts, _CLOSED, 6))


def _pick() -> Motion:
    facts = yield from _begin()
    facts = yield from _grasp(facts)
    while True:
        facts = yield from _go(facts, lambda now: now.tip + now.goal - now.thing, _CLOSED, near=0.008)
        facts = yield from _wait(facts, _CLOSED, 1)


def _stack() -> Motion:
    facts = yield from _begin()
    facts = yield from _grasp(facts)
    facts = yield from _go(facts, lambda now: now.thing + _ABOVE, _CLOSED, near=0.09)
    facts = yield from _go(facts, lambda now: now.tip + now.goal + _CUBE + _ABOVE / 2 - now.thing, _CLOSED)
    facts = yield from _go(facts, lambda now: now.tip + now.goal + _CUBE - now.thing, _CLOSED, near=0.004)
    facts = yield from _wait(facts, _OPEN, 4)
    yield from _go(facts, lambda now: now.goal + _CUBE + _ABOVE, _OPEN)


def _along(side: float) -> Callable[[], Motion]:
    """Push (-1) or pull (1): go down on one side of the cube, then on to the target."""
    beside = np.array([0.08 * side, 0.0, 0.0])

    def motion() -> Motion:
        facts = yield from _begin()
        facts = yield from _go(facts, lambda now: now.thing + beside + _ABOVE, _CLOSED)
        facts = yield from _go(facts, lambda now: now.thing + beside, _CLOSED)
        yield from _go(facts, lambda now: now.goal * [1, 1, 0] + now.thing * [0, 0, 1], _CLOSED, near=0.001)

    return motion


class Solution(NamedTuple):
    """How a task is solved, and what of its environment that takes, (scenes, 3) each."""

    motion: Callable[[], Motion]
    thing: str
    goal: str

    def read(self, env: Any) -> Facts:
        places = (env.agent.tcp, getattr(env, self.thing), getattr(env, self.goal))
        return Facts(*(place.pose.p.cpu().numpy().astype(np.float64) for place in places))


SOLUTIONS: Mapping[str, Solution] = {
    "PickCube-v1": Solution(_pick, "cube", "goal_site"),
    "StackCube-v1": Solution(_stack, "cubeA", "cubeB"),
    "PushCube-v1": Solution(_along(-1.0), "obj", "goal_region"),
    "PullCube-v1": Solution(_along(1.0), "obj", "goal_region"),
}


def _hold(gripper: float) -> Vector:
    return np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, gripper])
