"""The episode loop: settle, look, act, until the goal is reached or the horizon ends."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Monitoring, Simulator, Task, settle
from pytest_robustplus.errors import BadInputError, PolicyError, RobustnessError, SimulatorError, blamed, passes
from pytest_robustplus.policies.contract import Actions, Observation, Policy, Privileged, begin
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.results.events import EpisodeEvents


class Episode(NamedTuple):
    """What came of playing one task once.

    ``actions`` has shape (steps, action width): every action executed after settling. Times are seconds of wall
    clock; what neither ``simulator_s`` nor ``policy_s`` covers is this package's own.
    """

    success: bool
    steps: int
    looks: int
    inferences: int
    simulator_s: float
    policy_s: float
    wall_s: float
    state_hash: str
    instruction: str
    actions: NDArray[np.floating[Any]]
    events: EpisodeEvents | None = None
    """What the simulator saw of it; None where it cannot tell."""


class _Clock:
    """Sums the time that passes inside calls of one party, and lays its exceptions at its door."""

    def __init__(self, blame: type[RobustnessError], task: Task) -> None:
        self.seconds = 0.0
        self.calls = 0
        self._blame, self._task, self._doing = blame, task, ""
        self._start = 0.0

    def __call__(self, doing: str) -> _Clock:
        self._doing = doing
        return self

    def __enter__(self) -> None:
        self.calls += 1
        self._start = perf_counter()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.seconds += perf_counter() - self._start
        if error is not None and not passes(error):
            raise blamed(self._blame, self._doing, self._task.name, error) from error


class Finish(NamedTuple):
    """What the simulator's side knows of an episode that is over; the fields are those of ``Episode``."""

    success: bool
    steps: int
    looks: int
    simulator_s: float
    state_hash: str
    actions: NDArray[np.floating[Any]]
    events: EpisodeEvents | None = None


Turns = Generator[str | Observation, Actions | None, Finish]


def turns(
    simulator: Simulator,
    task: Task,
    profile: Profile,
    *,
    slot: int = 0,
    watch: Callable[[Observation], None] | None = None,
) -> Turns:
    """The simulator's side of an episode, wherever its policy is.

    Yields the instruction once the scene has settled; then observations, and is sent an action chunk for each. Raises
    ``SimulatorError``.
    """
    longest = horizon(profile, task)
    clock = _Clock(SimulatorError, task)
    with clock("Resetting the scene"):
        instruction = simulator.reset(task)
    settle(simulator, profile, lambda: clock("Settling"))
    yield instruction

    chunk: list[Actions] = []
    executed: list[Actions] = []
    looks = 0
    success = False
    while len(executed) < longest and not success:
        if not chunk:
            with clock("Looking"):
                observation = simulator.observe()
            looks += 1
            answer = yield placed(observation, len(executed), slot)
            assert answer is not None
            chunk = list(answer[: profile.replan])
        action = chunk.pop(0)
        executed.append(action)
        # The last observation of an episode is never looked at, so it is never rendered.
        render = watch is not None or (not chunk and len(executed) < longest)
        with clock("Stepping"):
            success = simulator.step(action, render=render)
        if watch is not None:
            watch(simulator.observe())
    with clock("Hashing the state"):
        state_hash = simulator.state_hash()
    events = None
    if isinstance(simulator, Monitoring):
        with clock("Telling what happened"):
            events = simulator.events(len(executed))
    return Finish(success, len(executed), looks, clock.seconds, state_hash, np.stack(executed), events)


def play(
    simulator: Simulator,
    policy: Policy,
    task: Task,
    profile: Profile,
    *,
    slot: int = 0,
    watch: Callable[[Observation], None] | None = None,
) -> Episode:
    """Play ``task`` once.

    ``watch`` receives an observation after every control step, which makes every step render. Raises
    ``SimulatorError`` or ``PolicyError``, whichever is to blame; neither is an outcome.
    """
    start = perf_counter()
    in_policy = _Clock(PolicyError, task)
    turn = turns(simulator, task, profile, slot=slot, watch=watch)
    instruction = next(turn)
    assert isinstance(instruction, str)
    with in_policy("Resetting the policy"):
        begin(policy, slot, instruction, suite=task.suite, task=task.base)
        if isinstance(policy, Privileged):
            policy.attach(slot, simulator)
    inferences, answer = 0, None
    while True:
        try:
            observation = turn.send(answer)
        except StopIteration as end:
            finish: Finish = end.value
            break
        assert isinstance(observation, Observation)
        with in_policy("The policy"):
            answer = policy.act([observation])[0]
        inferences += 1
    return finished(finish, instruction, inferences, in_policy.seconds, perf_counter() - start)


def finished(finish: Finish, instruction: str, inferences: int, policy_s: float, wall_s: float) -> Episode:
    """Add the policy's side to the simulator's."""
    return Episode(**finish._asdict(), instruction=instruction, inferences=inferences, policy_s=policy_s, wall_s=wall_s)


def horizon(profile: Profile, task: Task) -> int:
    """How many control steps an episode lasts at most; raises ``BadInputError`` where the profile does not say."""
    steps = profile.horizons.get(task.suite)
    if steps is None:
        raise BadInputError(
            f"The profile names no horizon for suite {task.suite!r}; it has {dict(profile.horizons)}."
            f" Add horizons.{task.suite} to the model's card."
        )
    return min(steps, profile.longest or steps)


def placed(observation: Observation, step: int, slot: int) -> Observation:
    """The same observation, told which step of which episode it is of."""
    return replace(observation, step=step, slot=slot)
