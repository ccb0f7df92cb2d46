"""Where episodes are played: the seam between an audit and its simulators.

An audit hands out tasks and takes back what came of them; it does not know whether simulators run in this process
(``InProcess``), in others of this machine (``pool.Pool``), or one day on other machines.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from pytest_robustplus.benchmarks.contract import Preparing, Simulator, Task
from pytest_robustplus.errors import PolicyError, RobustnessError, SimulatorError, blaming
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.episode import Episode, play
from pytest_robustplus.rollout.limit import limited


class EpisodeResult(NamedTuple):
    """What came of a task that was handed out under ``ticket``: an episode and what it depends on, or a fault."""

    ticket: int
    episode: Episode | None = None
    provenance: Mapping[str, str] = {}
    error: RobustnessError | None = None


class Executor(Protocol):
    """Plays tasks of one model on one benchmark; its caller may be stopped at any time and abandons what it left."""

    @property
    def free(self) -> int:
        """How many more tasks it would play at once."""
        ...

    @property
    def pieces(self) -> int:
        """Pieces of work done so far in preparing tasks: signs of life, as outcomes are."""
        ...

    def start(self, ticket: int, task: Task) -> None:
        """Begin to play; only when something is free."""
        ...

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        """Let things go on until something has come of a task, or until ``timeout`` seconds are over.

        A task that could not be played gives a ``SimulatorError`` or a ``PolicyError`` as its outcome; what was asked
        for wrongly is raised.
        """
        ...

    def abandon(self, tickets: Collection[int] | None = None) -> None:
        """Give up what is being played under these tickets, or all of it; nothing will come of it."""
        ...

    def close(self) -> None:
        """End everything that was started."""
        ...


def wait_until_free(executor: Executor, pause: float) -> None:
    """Wait until a task can begin: what was given up holds its simulator until that asks for its next actions."""
    while not executor.free:
        executor.wait(pause)


class Stage(NamedTuple):
    """Where tasks of one model are played: an executor, which may play for others, too, and how to begin there."""

    executor: Executor
    begin: Callable[[int, Task], None]


class InProcess:
    """Plays one task at a time, in the calling process, while it waits."""

    def __init__(
        self,
        simulator: Callable[[], Simulator],
        drop: Callable[[], None],
        policy: Policy,
        profile: Profile,
        *,
        limit: float | None,
        expendable: bool,
    ) -> None:
        """Take how to get the simulator and how to be rid of it after a fault; for the rest see ``limit.limited``."""
        self._simulator, self._drop = simulator, drop
        self._policy, self._profile = policy, profile
        self._limit, self._expendable = limit, expendable
        self._next: tuple[int, Task] | None = None
        self._preparation: Iterator[None] | None = None
        self.pieces = 0

    @property
    def free(self) -> int:
        return 0 if self._next else 1

    def start(self, ticket: int, task: Task) -> None:
        self._next = ticket, task

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        if self._next is None:
            return []
        ticket, task = self._next
        try:
            with blaming(SimulatorError, "Starting the simulator", task.name):
                simulator = self._simulator()
            with blaming(SimulatorError, "Preparing the simulator", task.name):
                prepared = self._prepared(simulator, task)
            if not prepared:
                return []
            with limited(self._limit, task.name, expendable=self._expendable):
                episode = play(simulator, self._policy, task, self._profile)
        except (SimulatorError, PolicyError) as error:
            self.abandon()
            self._drop()
            return [EpisodeResult(ticket, error=error)]
        self.abandon()
        return [EpisodeResult(ticket, episode, simulator.provenance())]

    def abandon(self, tickets: Collection[int] | None = None) -> None:
        if tickets is None or (self._next is not None and self._next[0] in tickets):
            self._next = self._preparation = None

    def close(self) -> None:
        """Its simulator is the caller's to close."""

    def _prepared(self, simulator: Simulator, task: Task) -> bool:
        """Do one piece of the preparation that a task needs; whether none was left to do."""
        if not isinstance(simulator, Preparing):
            return True
        if self._preparation is None:
            self._preparation = iter(simulator.prepare(task))
        for _ in self._preparation:
            self.pieces += 1
            return False
        return True
