"""What is costly to build and shared by the items of a process: simulators, and the pool that plays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import pytest

from pytest_robustplus.benchmarks.contract import Parallel, Scenes, Simulator
from pytest_robustplus.errors import BadInputError, SimulatorError, blaming
from pytest_robustplus.evaluation.checkpoints import Checkpoint, Checkpoints, close_quietly
from pytest_robustplus.evaluation.players import ClusterPlayers, LocalPlayers, Players
from pytest_robustplus.evaluation.recorded import Recall
from pytest_robustplus.evaluation.stack import Stack
from pytest_robustplus.policies.contract import Policy, Privileged
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.executor import Executor, InProcess, Stage
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Script, Setup
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import Session, session_of


class Resources:
    """One per pytest process; everything is built on first use, so that collecting costs nothing."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.checkpoints = Checkpoints(session)
        self._simulators: dict[tuple[str, object], Simulator] = {}
        self._pools: dict[tuple[str, str], Executor] = {}
        # The campaign's, of all models that are open; and how each of them is simulated.
        self._pool: Pool | None = None
        self._setups: dict[tuple[str, str], Setup] = {}
        self._cluster = ClusterPlayers(self.checkpoints) if session.settings.cluster else None
        # Searches that stand still.
        self.stacks: set[Stack[Any]] = set()

    def simulator(self, subject: Subject) -> Simulator:
        """The simulator that plays a subject; cells of equal profile share one, and so its compiled scenes."""
        key = (subject.benchmark.name, repr(subject.profile))
        if key not in self._simulators:
            protocol = subject.benchmark.protocol(subject.profile)
            self.session.share_memory()
            with blaming(SimulatorError, "Starting the simulator", subject.benchmark.title):
                self._simulators[key] = subject.benchmark.simulator(subject.profile, protocol)
        return self._simulators[key]

    def drop_simulator(self, subject: Subject) -> None:
        """Close a simulator that failed, so that the next episode gets a fresh one."""
        simulator = self._simulators.pop((subject.benchmark.name, repr(subject.profile)), None)
        if simulator is not None:
            close_quietly(simulator)

    def players(self) -> Players:
        """Who plays for the campaign of this process."""
        if self._cluster is not None:
            return self._cluster
        return LocalPlayers(
            self.session.settings.simulators,
            self._stages,
            self._room,
            alone=self._alone,
            loaded=self.checkpoints.loaded,
        )

    def _stages(self, subjects: Sequence[Subject]) -> list[Stage]:
        """Where the campaign plays who is played side by side."""
        alone = [one for one in subjects if self._alone(one) and not one.recorded]
        executors = dict(zip((one.key for one in alone), self._executors(alone), strict=True)) if alone else {}
        return [self._stage(subject, executors.get(subject.key)) for subject in subjects]

    def _stage(self, subject: Subject, executor: Executor | None) -> Stage:
        """In one pool for all models, unless the benchmark has an ``executor`` of its own."""
        if isinstance(subject, TableCell) and (known := self.checkpoints.recording(subject)) is not None:
            executor = Recall(known)
        if executor is not None:
            return Stage(executor, executor.start)
        for key in list(self._pools):
            self._pools.pop(key).close()
        checkpoint, setup = self.checkpoints.of(subject), self._setup(subject)
        self._refuse_mixing(subject)
        if self._pool is None:
            # Each task brings its policy.
            self._pool = self._processes(setup, None, self.session.settings.simulators)
        return Stage(self._pool, partial(self._pool.start, part=(setup, checkpoint.policy)))

    def _room(self, subject: Subject, share: int) -> bool:
        """Whether more of a subject could begin beside others, within its ``share`` of the simulators."""
        if subject.recorded or self._alone(subject) or self._pool is None:
            return True
        return self._pool.room(self._setup(subject), share)

    def _alone(self, subject: Subject) -> bool:
        """Whether nothing of another model is played beside it: in one simulator, or in scenes that step together."""
        return self.session.settings.simulators == 1 or isinstance(subject.benchmark, Parallel)

    def _setup(self, subject: Subject) -> Setup:
        """How a process simulates for a subject; the checks in front of it have used a simulator in this one."""
        if subject.key not in self._setups:
            script = None
            if isinstance(self.checkpoints.of(subject).policy.policy, Privileged):
                script = Script(self.session.settings.policy or subject.card.policy, subject.card)
            protocol = subject.benchmark.protocol(subject.profile)
            # That one would only hold memory.
            self.drop_simulator(subject)
            self._setups[subject.key] = Setup(subject.benchmark, subject.profile, protocol, script, self.session.lease)
        return self._setups[subject.key]

    def _processes(self, setup: Setup, policy: Policy | None, count: int) -> Pool:
        self.session.share_memory()
        limit = self.session.settings.episode_limit
        return Pool(setup, policy, count, limit=limit, expendable=self.session.spread)

    def _refuse_mixing(self, subject: Subject) -> None:
        wanted = self.session.settings.simulators
        if wanted > 1 and getattr(self.checkpoints.of(subject).policy.policy, "remembers_one", False):
            raise BadInputError(
                f"--robust-simulators={wanted}: the policy of {subject.card.title} keeps one episode at a time. Leave"
                " the option out, and use more workers (-n) instead."
            )

    def _executors(self, subjects: Sequence[Subject]) -> list[Executor]:
        """Where models are played that share no pool with others, each with its part of the simulators."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        keys = {subject.key for subject in subjects}
        share = max(self.session.settings.simulators // len(keys), 1)
        for key in self._pools.keys() - keys:
            self._pools.pop(key).close()
        return [self._executor(subject, share) for subject in subjects]

    def _executor(self, subject: Subject, share: int) -> Executor:
        checkpoint = self.checkpoints.of(subject)
        if isinstance(subject, TableCell) and (known := self.checkpoints.recording(subject)) is not None:
            return Recall(known)
        if subject.key in self._pools:
            return self._pools[subject.key]
        scenes = self._scenes(subject, share)
        if scenes is None and self.session.settings.simulators == 1:
            return InProcess(
                lambda: self.simulator(subject),
                lambda: self.drop_simulator(subject),
                checkpoint.policy,
                subject.profile,
                limit=self.session.settings.episode_limit,
                expendable=self.session.spread,
            )
        # The checks in front of a subject have used one in this process; it would only hold memory.
        self.drop_simulator(subject)
        self._pools[subject.key] = self._new_pool(subject, checkpoint, scenes, share)
        return self._pools[subject.key]

    def _scenes(self, subject: Subject, count: int) -> Scenes | None:
        """Scenes that step together, where the benchmark has such and the protocol asks for them."""
        if not isinstance(subject.benchmark, Parallel):
            return None
        protocol = subject.benchmark.protocol(subject.profile)
        return subject.benchmark.scenes(subject.profile, protocol, count)

    def _new_pool(self, subject: Subject, checkpoint: Checkpoint, scenes: Scenes | None, wanted: int) -> Executor:
        if wanted > 1:
            self._refuse_mixing(subject)
        if scenes is not None:
            limit = self.session.settings.episode_limit
            return Batch(scenes, checkpoint.policy, subject.profile, limit=limit, expendable=self.session.spread)
        return self._processes(self._setup(subject), checkpoint.policy, wanted)

    def free_all_but(self, needed: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
        """Free the policies of models that nothing is asked about any more; says which."""
        freed = self.checkpoints.free_all_but(needed)
        for key in freed:
            if key in self._pools:
                self._pools.pop(key).close()
        return freed

    def close(self) -> None:
        """Free the pool, simulators and policies, and give up what searches still wait for."""
        for stack in list(self.stacks):
            stack.close()
        self.stacks.clear()
        if self._cluster is not None:
            self._cluster.close()
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        for simulator in self._simulators.values():
            close_quietly(simulator)
        self._simulators.clear()
        self.checkpoints.close()


_RESOURCES: pytest.StashKey[Resources] = pytest.StashKey()


def resources_of(config: pytest.Config) -> Resources:
    """The resources of this pytest process, made on first use."""
    if _RESOURCES not in config.stash:
        config.stash[_RESOURCES] = Resources(session_of(config))
    return config.stash[_RESOURCES]


def close(config: pytest.Config, exitstatus: int) -> None:
    """Free what was built, then let the session note how the run ended."""
    if _RESOURCES in config.stash:
        config.stash[_RESOURCES].close()
    session_of(config).close(exitstatus)
