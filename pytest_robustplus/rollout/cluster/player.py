"""What a simulator of a cluster is on its own machine: one simulator and its policy, playing one episode at a time."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pytest_robustplus.benchmarks.contract import Simulator, Task
from pytest_robustplus.distributed import devices
from pytest_robustplus.errors import RobustnessError, SimulatorError, blamed
from pytest_robustplus.policies.contract import Actions, Observation, Policy, Privileged
from pytest_robustplus.rollout.episode import play
from pytest_robustplus.rollout.limit import limited
from pytest_robustplus.rollout.simulating import Abandoned, Report, Setup

Key = object


class Watched:
    """A policy that answers no more once nobody wants its episode."""

    def __init__(self, policy: Policy, given_up: Callable[[], bool]) -> None:
        self._policy, self._given_up = policy, given_up

    def begin(self, slot: int, suite: str, task: str) -> None:
        begin_only(self._policy, slot, suite, task)

    def reset(self, slot: int, instruction: str) -> None:
        self._policy.reset(slot, instruction)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        if self._given_up():
            raise Abandoned
        return self._policy.act(observations)


class WatchedScript(Watched):
    """The same for a script that reads the simulator."""

    def attach(self, slot: int, simulator: Any) -> None:
        self._policy.attach(slot, simulator)  # type: ignore[attr-defined]


def begin_only(policy: Policy, slot: int, suite: str, task: str) -> None:
    """Pass on which episode begins to a policy that asks for it."""
    told = getattr(policy, "begin", None)
    if told is not None:
        told(slot, suite, task)


class Served:
    """A policy that is elsewhere on the machine and answers whatever simulators ask at once; ``call`` reaches it."""

    def __init__(self, call: Callable[..., Any], key: Key) -> None:
        self._call, self._key = call, key

    def begin(self, slot: int, suite: str, task: str) -> None:
        self._episode = suite, task

    def reset(self, slot: int, instruction: str) -> None:
        self._call("reset", self._key, slot, instruction, *self._episode)

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._call("act", self._key, observation) for observation in observations]


class Player:
    """Keeps the simulator and the policy of the setup that it played last; another one takes their place.

    ``given_up`` says whether nobody wants the episode at hand any more, ``serve`` gives one that is elsewhere.
    """

    def __init__(
        self,
        slot: int,
        facts: dict[str, str],
        given_up: Callable[[], bool],
        serve: Callable[[Key], Policy | None] = lambda _: None,
    ) -> None:
        self._slot, self._facts, self._given_up, self._serve = slot, facts, given_up, serve
        self._key: Key = None
        self._setup: Setup | None = None
        self._simulator: Simulator | None = None
        self._policy: Policy | None = None

    def play(self, key: Key, setup: bytes, task: Task, limit: float | None) -> Report:
        """Play a task; what goes wrong is part of the answer."""
        try:
            return self._play(key, setup, task, limit)
        except RobustnessError as error:
            if isinstance(error.__cause__, Abandoned):
                return Report()
            return Report(error=error)
        except Exception as error:
            return Report(error=blamed(SimulatorError, "Playing on the cluster", task.name, error))

    def warm(self, key: Key, setup: bytes) -> str:
        """Build the simulator before it is asked for, and name its renderer; the first episode says what goes wrong."""
        with suppress(Exception):
            self._setup, self._key = pickle.loads(setup), key
            self._simulator = self._setup.benchmark.simulator(self._setup.profile, self._setup.protocol)
            return self._simulator.provenance().get("renderer", "")
        return ""

    def _play(self, key: Key, packed: bytes, task: Task, limit: float | None) -> Report:
        if key != self._key or self._setup is None:
            self.close()
            self._setup, self._key = pickle.loads(packed), key
        setup = self._setup
        if self._policy is None:
            self._policy = self._served(setup, key)
        if self._simulator is None:
            self._simulator = setup.benchmark.simulator(setup.profile, setup.protocol)
        watched = (WatchedScript if isinstance(self._policy, Privileged) else Watched)(self._policy, self._given_up)
        with limited(limit, task.name, expendable=False):
            episode = play(self._simulator, watched, task, setup.profile, slot=self._slot)
        return Report(episode, {**self._simulator.provenance(), **self._facts})

    def _served(self, setup: Setup, key: Key) -> Policy:
        assert setup.script is not None
        if (elsewhere := self._serve(key)) is not None:
            return elsewhere
        return setup.script.build(setup.benchmark, setup.profile)

    def close(self) -> None:
        """Free the simulator and the policy."""
        for what in (self._simulator, self._policy):
            close = getattr(what, "close", None)
            if close is not None:
                close()
        self._simulator = self._policy = self._setup = None


def machine_facts(node: str) -> dict[str, str]:
    """What is recorded of the machine with every episode."""
    driver = devices.driver()
    return {"node": node or platform.node(), **({"driver": driver} if driver else {})}
