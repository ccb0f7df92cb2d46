"""What is costly to build and shared by the items of a process: simulators, and the pool that plays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_robustplus.benchmarks.contract import Parallel, Scenes, Simulator
from pytest_robustplus.errors import BadInputError, SimulatorError, blaming
from pytest_robustplus.evaluation.checkpoints import Checkpoint, Checkpoints, close_quietly
from pytest_robustplus.evaluation.players import ClusterPlayers, LocalPlayers, Players
from pytest_robustplus.evaluation.recorded import Recall
from pytest_robustplus.policies.contract import Privileged
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.executor import Executor, InProcess
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
        self._cluster = ClusterPlayers(self.checkpoints) if session.settings.cluster else None
        # What ends before somebody else uses the simulators: a campaign leaves nothing at play in them.
        self.before_use: Callable[[], None] = lambda: None

    def simulator(self, subject: Subject) -> Simulator:
        """The simulator that plays a subject; cells of equal profile share one, and so its compiled scenes."""
        key = (subject.benchmark.name, repr(subject.profile))
        if key not in self._simulators:
            protocol = subject.benchmark.protocol(subject.profile)
            with blaming(SimulatorError, "Starting the simulator", subject.benchmark.title):
                self._simulators[key] = subject.benchmark.simulator(subject.profile, protocol)
        return self._simulators[key]

    def drop_simulator(self, subject: Subject) -> None:
        """Close a simulator that failed, so that the next episode gets a fresh one."""
        simulator = self._simulators.pop((subject.benchmark.name, repr(subject.profile)), None)
        if simulator is not None:
            close_quietly(simulator)

    def executor(self, subject: Subject) -> Executor:
        """Where a cell's episodes are played: in this process, or by a pool or scenes that cells of its model share.

        Raises ``BadInputError`` when the model's policy cannot keep as many episodes apart as there are simulators.
        """
        return self.executors([subject])[0]

    def executors(self, subjects: Sequence[Subject]) -> list[Executor]:
        """Where episodes of several models are played side by side, each with its share of the simulators."""
        self.before_use()
        return self.shared(subjects)

    def players(self) -> Players:
        """Who plays for the campaign of this process."""
        if self._cluster is not None:
            return self._cluster
        several = self.session.settings.simulators > 1
        return LocalPlayers(lambda cell: self.shared([cell])[0], several=several, pooled=self._pooled)

    def shared(self, subjects: Sequence[Subject]) -> list[Executor]:
        """The same for the campaign, which may have something at play in them."""
        if self._cluster is not None:
            return [self._cluster.seat(subject) for subject in subjects]
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

    def _pooled(self, subject: Subject) -> bool:
        """Whether its episodes are played by something that another model would have to replace."""
        return self.session.settings.simulators > 1 or isinstance(subject.benchmark, Parallel)

    def _scenes(self, subject: Subject, count: int) -> Scenes | None:
        """Scenes that step together, where the benchmark has such and the protocol asks for them."""
        if not isinstance(subject.benchmark, Parallel):
            return None
        protocol = subject.benchmark.protocol(subject.profile)
        return subject.benchmark.scenes(subject.profile, protocol, count)

    def _new_pool(self, subject: Subject, checkpoint: Checkpoint, scenes: Scenes | None, wanted: int) -> Executor:
        policy = checkpoint.policy.policy
        if wanted > 1 and getattr(policy, "remembers_one", False):
            raise BadInputError(
                f"--robust-simulators={wanted}: the policy of {subject.card.title} keeps one episode at a time. Leave"
                " the option out, and use more workers (-n) instead."
            )
        limit = self.session.settings.episode_limit
        if scenes is not None:
            return Batch(scenes, checkpoint.policy, subject.profile, limit=limit, expendable=self.session.spread)
        script = None
        if isinstance(policy, Privileged):
            script = Script(self.session.settings.policy or subject.card.policy, subject.card)
        setup = Setup(
            subject.benchmark, subject.profile, subject.benchmark.protocol(subject.profile), script, self.session.lease
        )
        return Pool(setup, checkpoint.policy, wanted, limit=limit, expendable=self.session.spread)

    def close(self) -> None:
        """Free the pool, simulators and policies."""
        if self._cluster is not None:
            self._cluster.close()
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
