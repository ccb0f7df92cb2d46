"""A process that simulates and nothing else: what it is told and what it answers, and its own main program.

It is told a ``Setup``, then an ``Order`` for each task. It answers ``Busy`` while it prepares what may take long,
``Ready`` when it is about to play, the instruction, observations, for each of which it is sent an action chunk, and at
last a ``Report``. None in place of a chunk means that nobody wants the episode any more.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import platform
import signal
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from pytest_robustplus.benchmarks.contract import Benchmark, Preparing, Simulator, Task
from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError, blamed
from pytest_robustplus.ledger.lease import Lease
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.ablation import Ablated
from pytest_robustplus.policies.cards import Card
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.rollout.episode import Episode, Finish, play, turns

# Linux: where memory runs out, a simulator dies before the worker, which holds the policy.
_OOM_SCORE = 500
_PR_SET_PDEATHSIG = 1


class Script(NamedTuple):
    """A policy that has to run beside its simulator: how to build it.

    With a ``checkpoint`` it has to be that one (``specs.identity``); of a spec by suite only ``suites`` are built.
    ``without`` is a modality that it is not shown.
    """

    spec: str
    card: Card
    suites: tuple[str, ...] = ()
    checkpoint: str = ""
    without: str = ""

    def build(self, benchmark: Benchmark, profile: Profile) -> Profiled:
        """Build it; raises ``BadInputError`` where other weights answer than those that the run is about."""
        policy = specs.build(self.spec, specs.FACTORIES, self.card, benchmark, self.suites)
        if self.checkpoint and (found := specs.identity(self.spec, policy)) != self.checkpoint:
            raise BadInputError(
                f"{self.card.title} is {found} on {platform.node()}, and {self.checkpoint} where pytest runs. Give"
                " every machine the same checkpoint, and the same code of the policy."
            )
        if self.without:
            policy = Ablated(policy, self.without)
        return Profiled(policy, profile, self.card.title)


class Setup(NamedTuple):
    """What a process needs to simulate; without a ``script`` its actions come from outside.

    With a ``lease`` it computes under it: the worker, which has one too, gives up episodes and does not wait for them.
    """

    benchmark: Benchmark
    profile: Profile
    protocol: Mapping[str, str]
    script: Script | None
    lease: Lease | None = None

    def like(self, other: Setup) -> bool:
        """Whether a process of this setup does for the other one, too."""
        if self is other:
            return True
        own, theirs = ((one.benchmark.name, repr(one.profile), dict(one.protocol), one.script) for one in (self, other))
        return own == theirs

    def computing(self) -> AbstractContextManager[None]:
        """Hold the machine beside others, never while waiting for the other side, which may have forgotten us."""
        return nullcontext() if self.lease is None else self.lease.inside()


class Order(NamedTuple):
    """A task to play; ``slot`` is the process' place in its pool."""

    task: Task
    slot: int


class Busy(NamedTuple):
    """The simulator finds out what the task is; it bounds that time itself."""


class Ready(NamedTuple):
    """The simulator is there and prepared; from here on, an episode's time counts."""


class Report(NamedTuple):
    """How a task ended: the simulator's side of it, or all of it where a script played, or an error."""

    finish: Finish | Episode | None = None
    provenance: Mapping[str, str] = {}
    error: RobustnessError | None = None


class Abandoned(Exception):  # noqa: N818 - no error
    """Nobody wants the episode at hand any more."""


def main() -> None:
    """Serve the connection whose file descriptor is the first argument, for the process that the second one names."""
    _die_with(int(sys.argv[2]))
    faulthandler.enable()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))
    with Connection(int(sys.argv[1])) as link, suppress(EOFError, ConnectionError):
        serve(link)


def serve(link: Connection) -> None:
    """Play what is ordered until the other side hangs up."""
    try:
        setup: Setup = link.recv()
    except (EOFError, OSError):
        raise
    except Exception as error:
        message = (
            f"A simulator process cannot import the benchmark: {type(error).__name__}: {error}. Define it in a module"
            " that can be imported, or leave --robust-simulators out."
        )
        link.recv()
        link.send(Report(error=BadInputError(message)))
        return
    simulator: Simulator | None = None
    policy = _script(setup)
    try:
        while True:
            order: Order = link.recv()
            try:
                if simulator is None:
                    with setup.computing():
                        simulator = setup.benchmark.simulator(setup.profile, setup.protocol)
                    link.send(Ready())
                if isinstance(simulator, Preparing):
                    _prepare(link, simulator, order.task, setup)
                finish = _play(link, simulator, policy, order, setup)
                report = Report(finish, dict(simulator.provenance()))
            except Abandoned:
                report = Report()
            except (EOFError, ConnectionError):
                raise
            except RobustnessError as error:
                report = Report(error=error)
            except Exception as error:
                report = Report(error=blamed(SimulatorError, "Starting the simulator", order.task.name, error))
            link.send(report)
    finally:
        if simulator is not None:
            simulator.close()


def _prepare(link: Connection, simulator: Preparing, task: Task, setup: Setup) -> None:
    """Give a sign of life with every piece of work, and hold the machine only while at one."""
    link.send(Busy())
    pieces, over = iter(simulator.prepare(task)), False
    while not over:
        with setup.computing():
            over = next(pieces, True) is True
        link.send(Ready() if over else Busy())


def _play(
    link: Connection, simulator: Simulator, policy: Policy | None, order: Order, setup: Setup
) -> Finish | Episode:
    if policy is not None:
        with setup.computing():
            return play(simulator, policy, order.task, setup.profile, slot=order.slot)
    turn = turns(simulator, order.task, setup.profile, slot=order.slot)
    with setup.computing():
        instruction = next(turn)
    link.send(instruction)
    answer = None
    while True:
        with setup.computing():
            try:
                observation = turn.send(answer)
            except StopIteration as end:
                finish: Finish = end.value
                return finish
        link.send(observation)
        answer = link.recv()
        if answer is None:
            raise Abandoned


def _script(setup: Setup) -> Policy | None:
    return None if setup.script is None else setup.script.build(setup.benchmark, setup.profile)


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process as soon as the other one is gone, even in native code that never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit
