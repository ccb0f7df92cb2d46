"""What is costly to build and shared by the items of a process: policies, simulators, the pool that plays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from pytest_robustplus.benchmarks.contract import Parallel, Scenes, Simulator
from pytest_robustplus.errors import BadInputError, SimulatorError, blaming
from pytest_robustplus.evaluation.players import ClusterPlayers, LocalPlayers, Players
from pytest_robustplus.evaluation.recorded import Recall, Recording, recording
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.ablation import Ablated, ablation_name
from pytest_robustplus.policies.contract import Privileged
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.recorded import Recorded
from pytest_robustplus.rollout.batch import Batch
from pytest_robustplus.rollout.executor import Executor, InProcess
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Script, Setup
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import Session, session_of


class Checkpoint(NamedTuple):
    """A policy ready to be played, the name that tells its weights apart from others, and how it is reached."""

    policy: Profiled
    fingerprint: str
    spec: str


class Resources:
    """One per pytest process; everything is built on first use, so that collecting costs nothing."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._policies: dict[tuple[str, str], Checkpoint] = {}
        self._simulators: dict[tuple[str, object], Simulator] = {}
        self._pools: dict[tuple[str, str], Executor] = {}
        self._cluster = ClusterPlayers(self) if session.settings.cluster else None
        # What ends before somebody else uses the simulators: a campaign leaves nothing at play in them.
        self.before_use: Callable[[], None] = lambda: None

    def checkpoint(self, subject: Subject) -> Checkpoint:
        """The policy behind a cell's model; raises ``BadInputError`` when nothing says how to reach it."""
        key = (subject.card.name, subject.benchmark.name)
        if key not in self._policies:
            spec = self.session.settings.policy or subject.card.policy
            if not spec:
                raise BadInputError(
                    f"{subject.card.title} has no policy of its own here. Serve its checkpoint and say how to reach it"
                    f" with --robust-policy=SPEC, or with policy = 'SPEC' in"
                    f" [tool.robustplus.model.{subject.card.name}]."
                )
            factories = self.session.registry.factories
            policy = specs.build(spec, factories, subject.card, subject.benchmark, subject.suites)
            profiled = Profiled(policy, subject.profile, subject.card.title)
            self._policies[key] = Checkpoint(profiled, specs.identity(spec, policy), spec)
        return self._policies[key]

    def fingerprint(self, cell: TableCell) -> str:
        """What tells the cell's weights apart; of joined ledgers what they say, since nothing is loaded for them."""
        if self.session.settings.merge and not cell.recorded:
            place = (*cell.key, str(cell.dimension))
            joined = (audit.key for audit in self.session.ledger.audits(self.session.run))
            keys = [key for key in joined if (key.model, key.benchmark, key.dimension) == place]
            if not keys:
                raise BadInputError(f"{cell.id}: the joined ledgers hold no episode of it. Join those that played it.")
            return keys[-1].checkpoint
        return self.checkpoint(cell).fingerprint

    def loaded(self, subject: Subject) -> bool:
        """Whether its policy is at hand."""
        return subject.key in self._policies

    def recording(self, cell: TableCell) -> Recording | None:
        """What is recorded of a cell whose model is known by results alone; None for one that plays."""
        if self.session.settings.merge and not cell.recorded:
            return None
        policy = self.checkpoint(cell).policy.policy
        return recording(self.session, cell, policy) if isinstance(policy, Recorded) else None

    def ablate(self, cell: TableCell, modality: str) -> TableCell:
        """The same cell for the same policy with one modality taken away, under a name of its own.

        Raises ``BadInputError`` for a script that reads the simulator.
        """
        own = self.checkpoint(cell)
        if isinstance(own.policy, Privileged):
            raise BadInputError(f"{cell.card.title} reads the simulator itself, so an ablation says nothing of it.")
        card = replace(
            cell.card, name=ablation_name(cell.card.name, modality), title=f"{cell.card.title} without {modality}"
        )
        policy = Profiled(Ablated(own.policy.policy, modality), cell.profile, card.title)
        self._policies[card.name, cell.benchmark.name] = Checkpoint(policy, f"{own.fingerprint}-{modality}", own.spec)
        return replace(cell, card=card)

    def repeated(self, cell: TableCell) -> TableCell:
        """The same cell for the same policy once more, under a name of its own, so that nothing is resumed from it."""
        own = self.checkpoint(cell)
        card = replace(cell.card, name=again(cell.card.name), title=f"{cell.card.title}, once more")
        self._policies[card.name, cell.benchmark.name] = Checkpoint(own.policy, f"{own.fingerprint}+again", own.spec)
        return replace(cell, card=card)

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
            _close(simulator)

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
        return LocalPlayers(self) if self._cluster is None else self._cluster

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
        checkpoint = self.checkpoint(subject)
        if isinstance(subject, TableCell) and (known := self.recording(subject)) is not None:
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

    def pooled(self, subject: Subject) -> bool:
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
            _close(simulator)
        self._simulators.clear()
        for checkpoint in self._policies.values():
            _close(checkpoint.policy)


def again(model: str) -> str:
    """The name under which a model is played once more."""
    return f"{model}_again"


def _close(what: Simulator | Profiled) -> None:
    """Close what is not needed any more; what it raises now is told, and changes nothing of what was found."""
    try:
        what.close()
    except Exception as error:
        warnings.warn(f"Closing {type(what).__name__} failed: {type(error).__name__}: {error}", stacklevel=2)


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
