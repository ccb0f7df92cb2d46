"""Who plays for a campaign: the simulators of this process and its pool, or those of a cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from pytest_robustplus.benchmarks.contract import Parallel, Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.checkpoints import Checkpoints
from pytest_robustplus.evaluation.recorded import Recall
from pytest_robustplus.options import AUTO
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.contract import Policy, Privileged
from pytest_robustplus.policies.places import places
from pytest_robustplus.policies.transports.address import Address, shared_memory
from pytest_robustplus.results.notes import Note
from pytest_robustplus.rollout.cluster.engine import RayEngine, Wanted
from pytest_robustplus.rollout.cluster.fleet import Fleet
from pytest_robustplus.rollout.executor import EpisodeResult, Executor, Stage, wait_until_free
from pytest_robustplus.rollout.simulating import Script, Setup
from pytest_robustplus.session.cells import Subject, TableCell
from pytest_robustplus.session.session import POLL_S

# An early verdict needs few episodes: beyond a simulator for so many, most of what more would play is in vain.
EACH = 50


class Players(Protocol):
    """Plays tasks of any subjects; tickets tell them apart."""

    several: bool
    """Whether more than one task is at play at once."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, from any beginning."""
        ...

    @property
    def block(self) -> int:
        """How many positions are worth claiming at once, where nobody else claims."""
        ...

    @property
    def free(self) -> int:
        """How many more tasks could begin now."""
        ...

    @property
    def pieces(self) -> int:
        """Pieces of work done so far in preparing tasks: signs of life, as outcomes are."""
        ...

    def expect(self, episodes: int) -> None:
        """Take note of how many episodes the open questions are likely to take."""
        ...

    def beside(self, own: Sequence[Subject], subjects: Sequence[Subject]) -> bool:
        """Whether these can be played beside what is at play, or beside ``own``, who are to be played."""
        ...

    def at_hand(self, subject: Subject) -> bool:
        """Whether its policy takes no more memory than it does already."""
        ...

    def share(self, subjects: Collection[Subject]) -> None:
        """Take note of who is open: those of one kind of simulator leave the others theirs."""
        ...

    def room(self, subject: Subject) -> bool:
        """Whether one more could begin now without taking a simulator from another that needs it."""
        ...

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Make sure that the policies of who plays side by side are at hand; raises what is wrong with one."""
        ...

    def forget(self, keys: Collection[tuple[str, str]]) -> None:
        """Free what is kept for the policies of models by these names, of which nothing is at play."""
        ...

    def start(self, ticket: int, subject: Subject, task: Task) -> None:
        """Begin to play; only when something is free and the subject was prepared."""
        ...

    def hedge(self, ticket: int) -> bool:
        """Play what a ticket stands for a second time, elsewhere: who finishes first counts. False if it cannot."""
        ...

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        """Let things go on until something has come of a task, or until ``timeout`` seconds are over."""
        ...

    def abandon(self, tickets: Collection[int]) -> None:
        """Give up what is being played under these tickets; nothing will come of it."""
        ...


class LocalPlayers:
    """The simulators of this process and its pool, which several models share; each policy has its own batch.

    What is at play in scenes that step together, or in the one simulator of this process, is of one question at a time.
    """

    def __init__(
        self,
        simulators: int,
        stages: Callable[[Sequence[Subject]], Sequence[Stage]],
        room: Callable[[Subject, int], bool],
        *,
        alone: Callable[[Subject], bool],
        loaded: Callable[[Subject], bool],
    ) -> None:
        """Play where ``stages`` says, where there is ``room`` within a model's share; ``loaded`` ones are at hand."""
        self._stages_of, self._room, self._alone, self._loaded = stages, room, alone, loaded
        self._stages: dict[tuple[str, str], Stage] = {}
        self._playing: dict[int, Executor] = {}
        self._subjects: dict[int, Subject] = {}
        self._open = 1
        self._simulators = simulators
        self.several = simulators > 1
        self.clock = time.monotonic
        self.block = 1

    @property
    def free(self) -> int:
        # What was given up may be at play until its simulator looks again.
        executors = {id(stage.executor): stage.executor for stage in self._stages.values()}
        left = sum(executor.free for executor in executors.values()) if executors else 1
        return max(min(left, self._simulators - len(self._playing)), 0) if self._playing else max(left, 0)

    @property
    def pieces(self) -> int:
        return sum(executor.pieces for executor in self._executors())

    def expect(self, episodes: int) -> None:
        pass

    def at_hand(self, subject: Subject) -> bool:
        return self._loaded(subject)

    def share(self, subjects: Collection[Subject]) -> None:
        self._open = max(len({repr(one.profile) for one in subjects if not one.recorded}), 1)

    def beside(self, own: Sequence[Subject], subjects: Sequence[Subject]) -> bool:
        if not self._playing:
            same = {one.key for one in subjects} <= {one.key for one in own}
            return not own or same or not any(map(self._together, own))
        if {one.key for one in subjects} <= self._stages.keys():
            return True
        return not any(map(self._alone, [*subjects, *self._subjects.values()]))

    @staticmethod
    def _together(subject: Subject) -> bool:
        return isinstance(subject.benchmark, Parallel)

    def room(self, subject: Subject) -> bool:
        stage = self._stages.get(subject.key)
        if stage is not None and not stage.executor.free:
            return False
        return self._room(subject, max(self._simulators // self._open, 1))

    def prepare(self, subjects: Sequence[Subject]) -> None:
        if not self._playing:
            self._stages.clear()
        missing = [one for one in subjects if one.key not in self._stages]
        for subject, stage in zip(missing, self._stages_of(missing), strict=True):
            self._stages[subject.key] = stage

    def forget(self, keys: Collection[tuple[str, str]]) -> None:
        for key in keys:
            self._stages.pop(key, None)

    def start(self, ticket: int, subject: Subject, task: Task) -> None:
        stage = self._stages[subject.key]
        wait_until_free(stage.executor, POLL_S)
        self._playing[ticket], self._subjects[ticket] = stage.executor, subject
        stage.begin(ticket, task)

    def hedge(self, ticket: int) -> bool:
        return False

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        outcomes: list[EpisodeResult] = []
        executors = self._executors()
        for executor in executors:
            outcomes += executor.wait(timeout / len(executors))
        self._forget(outcome.ticket for outcome in outcomes)
        return outcomes

    def abandon(self, tickets: Collection[int]) -> None:
        for executor in self._executors():
            executor.abandon(tickets)
        self._forget(tickets)

    def _executors(self) -> list[Executor]:
        """Those that have something at play."""
        return list({id(executor): executor for executor in self._playing.values()}.values())

    def _forget(self, tickets: Iterable[int]) -> None:
        for ticket in tickets:
            self._playing.pop(ticket, None)
            self._subjects.pop(ticket, None)


class ClusterPlayers:
    """The simulators of a cluster, started when the first episode is to be played; any models side by side."""

    several = True

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints, self._session = checkpoints, checkpoints.session
        self._settings = self._session.settings
        self.clock = time.monotonic
        self.pieces = 0
        self._expected = self._said = 0
        self._dressed: set[tuple[str, str]] = set()
        # What was not played but recalled.
        self._recalled: list[EpisodeResult] = []
        self._running: tuple[Fleet, RayEngine] | None = None

    @property
    def block(self) -> int:
        return 1 if self._running is None else max(1, min(64, self._running[0].size // 8))

    @property
    def free(self) -> int:
        return 1 if self._running is None else self._running[0].free

    @property
    def fleet(self) -> Fleet | None:
        """The fleet, once it has been started."""
        return None if self._running is None else self._running[0]

    def expect(self, episodes: int) -> None:
        """Take note of how many episodes the open questions are likely to take: more simulators would play in vain."""
        self._expected = episodes

    def beside(self, own: Sequence[Subject], subjects: Sequence[Subject]) -> bool:
        return True

    def at_hand(self, subject: Subject) -> bool:
        return True

    def share(self, subjects: Collection[Subject]) -> None:
        pass

    def room(self, subject: Subject) -> bool:
        return True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            self._prepare(subject)

    def _prepare(self, cell: Subject) -> None:
        if cell.key in self._dressed or cell.recorded:
            return
        checkpoint = self._checkpoints.of(cell)
        scheme, _ = specs.split(checkpoint.spec)
        if scheme not in specs.FACTORIES and not places(checkpoint.spec):
            raise BadInputError(
                f"{cell.card.title} is reached by {scheme}:, which a plugin of this process adds; machines of a cluster"
                " do not have it. Name an object with python:module:attribute instead."
            )
        served = self._settings.policy_at == "machine"
        if served and getattr(checkpoint.policy.policy, "remembers_one", False):
            raise BadInputError(
                f"--robust-policy-at=machine: the policy of {cell.card.title} keeps one episode at a time. Leave the"
                " option out, so that each simulator has a policy of its own."
            )
        if served and isinstance(checkpoint.policy, Privileged):
            raise BadInputError(f"--robust-policy-at=machine: {cell.card.title} reads the simulator itself.")
        protocol = cell.benchmark.protocol(cell.profile)
        if not served:
            refuse_shared(checkpoint.policy.policy, self._settings.simulators)
        script = Script(checkpoint.spec, cell.card, cell.suites, checkpoint.weights, checkpoint.without)
        setup = Setup(cell.benchmark, cell.profile, protocol, script)
        if self._running is None:
            self._start(cell, setup)
        else:
            self._running[1].dress(cell.key, setup)
            self._running[1].inspect(cell.benchmark)
        self._dressed.add(cell.key)

    def forget(self, keys: Collection[tuple[str, str]]) -> None:
        if self._running is not None:
            self._running[1].free_policies(keys)

    def start(self, ticket: int, subject: Subject, task: Task) -> None:
        if isinstance(subject, TableCell) and (known := self._checkpoints.recording(subject)) is not None:
            recall = Recall(known)
            recall.start(ticket, task)
            self._recalled += recall.wait(0)
            return
        assert self._running is not None
        self._running[0].start(ticket, subject.key, task)

    def hedge(self, ticket: int) -> bool:
        return self._running is not None and self._running[0].hedge(ticket)

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        found, self._recalled = self._recalled, []
        if found or self._running is None:
            return found
        fleet, engine = self._running
        outcomes = fleet.wait(timeout)
        for note in engine.notes[self._said :]:
            self._session.say(note)
        self._said = len(engine.notes)
        return outcomes

    def abandon(self, tickets: Collection[int]) -> None:
        if self._running is not None:
            self._running[0].abandon(tickets)
        self._recalled = [one for one in self._recalled if one.ticket not in tickets]

    def close(self) -> None:
        """End the simulators and leave the cluster."""
        if self._running is not None:
            fleet, engine = self._running
            self._running = None
            self._session.fleet = lambda: None
            self._session.notes += [standing(fleet), *differing(fleet), *engine.notes]
            fleet.close()
            engine.close()

    def _start(self, cell: Subject, setup: Setup) -> None:
        session, settings = self._session, self._settings
        assert settings.cluster is not None
        engine = RayEngine(
            Wanted(
                settings.cluster,
                session.config.rootpath,
                gpus=settings.gpus_per_simulator,
                served=settings.policy_at == "machine",
                open=settings.cluster_open,
                limit=settings.episode_limit,
                one_renderer=settings.one_renderer,
            )
        )
        try:
            engine.dress(cell.key, setup)
            size = size_of(settings.simulators, engine.processors(), self._expected)
            # Simulators start while each machine says what it has; they are told nothing before it is known.
            asked = engine.ask(cell.benchmark)
            fleet = Fleet(engine, size.simulators, limit=settings.episode_limit)
            machines = engine.refuse_unfit(cell.benchmark, asked)
        except BaseException:
            engine.close()
            raise
        session.say(
            Note.of(
                "cluster",
                address=settings.cluster,
                machines=machines,
                simulators=size.simulators,
                by=size.by,
                useful=size.useful,
                places=size.places,
                episodes=size.episodes,
                each=EACH,
            )
        )
        self._running = fleet, engine
        session.fleet = lambda: standing(fleet)


def refuse_shared(policy: Policy, simulators: int) -> None:
    """Refuse a server that remembers one episode where simulators of a cluster, or its machines, would share it."""
    for one in getattr(policy, "all", (policy,)):
        address = getattr(one, "address", None)
        wanted = math.inf if simulators == AUTO else simulators
        if getattr(one, "remembers_one", False) and isinstance(address, Address) and wanted > address.servers:
            raise shared_memory(address)


def standing(fleet: Fleet) -> Note:
    """How a fleet stands."""
    tally, seconds = fleet.tally, max(fleet.clock() - fleet.began, 1e-9)
    played = tally.finished + tally.given_up
    return Note.of(
        "fleet",
        machines=len(fleet.nodes),
        simulators=sum(fleet.nodes.values()),
        wanted=fleet.size,
        playing=fleet.busy,
        episodes_s=tally.finished / seconds,
        busy=tally.busy / (seconds * fleet.size),
        waste=tally.given_up / played if played else 0.0,
        moved=tally.moved,
        hedged=tally.hedged,
    )


def differing(fleet: Fleet) -> list[Note]:
    """A note where an episode that two machines played came out in two ways."""
    found = fleet.tally.differing
    return [Note.of("machines_differ", episodes=len(found), first=str(found[0]))] if found else []


class Size(NamedTuple):
    """How many simulators are asked for: as many as were ``asked``, as are of ``use``, or as find a ``place``.

    ``useful`` are those that ``episodes``, which are needed, keep busy; 0 episodes where that is not known.
    """

    simulators: int
    by: Literal["asked", "use", "place"]
    useful: int
    places: int
    episodes: int


def size_of(wanted: int, places: int, expected: int) -> Size:
    """How many simulators to ask for, and why so many: ``wanted``, or as many as find a place and are of use.

    Beyond one for every ``EACH`` needed episodes, most of what more would play is played in vain.
    """
    useful = max(expected // EACH, 1)
    if wanted != AUTO:
        return Size(wanted, "asked", useful, places, expected)
    if useful < places and expected > 0:
        return Size(useful, "use", useful, places, expected)
    return Size(max(places, 1), "place", useful, places, expected)
