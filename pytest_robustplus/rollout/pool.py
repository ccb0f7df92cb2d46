"""Several simulators, each in a process of its own, that share one policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from time import perf_counter

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError, PolicyError, RobustnessError, SimulatorError, blaming
from pytest_robustplus.policies.contract import Actions, Observation, Policy, begin
from pytest_robustplus.rollout.episode import Episode, finished
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.rollout.limit import limited, overdue
from pytest_robustplus.rollout.process import SimulatorProcess
from pytest_robustplus.rollout.simulating import Busy, Order, Ready, Report, Setup

# Whatever simulators and drivers leak ends here. A fresh process costs LIBERO-Plus 10 s, and its compiled scenes.
LIFETIME = 250
# A simulator that is only being built is given this long, if episodes are limited at all.
STARTING_S = 600.0


@dataclass(slots=True)
class _Playing:
    """An episode under way in a slot, ``wanted`` until somebody gives it up."""

    ticket: int
    task: Task
    policy: Policy
    began: float
    limit: float | None
    wanted: bool = True
    instruction: str = ""
    inferences: int = 0
    policy_s: float = 0.0

    @property
    def deadline(self) -> float:
        return float("inf") if self.limit is None else self.began + self.limit


class Pool:
    """Plays up to ``simulators`` tasks at once; a policy answers together whatever observations of it are waiting.

    A task is played by the pool's own policy in the pool's own setup, unless it comes with others: policies of equal
    setup share processes and their scenes, those of another one take the place of a process that has nothing to do.

    A slow simulator holds up nobody: those that wait are answered without it. A process that dies, hangs or raises
    costs the episode at hand. Each process is replaced after ``lifetime`` episodes. An episode's ``policy_s`` are the
    seconds of the calls that answered it, alone or with others. Not safe to share between threads.
    """

    def __init__(
        self,
        setup: Setup,
        policy: Policy | None,
        simulators: int,
        *,
        limit: float | None = None,
        expendable: bool = False,
        lifetime: int = LIFETIME,
    ) -> None:
        """Take how many seconds an episode may last; for ``expendable`` see ``limit.limited``. Starts nothing yet.

        Without a ``policy`` every task has to come with one.
        """
        self._setup, self._policy = setup, policy
        self._limit, self._expendable, self._lifetime = limit, expendable, lifetime
        self._processes: list[SimulatorProcess | None] = [None] * simulators
        self._playing: dict[int, _Playing] = {}
        self._leaving: list[SimulatorProcess] = []
        self._unstarted: list[EpisodeResult] = []
        self.pieces = 0

    @property
    def free(self) -> int:
        return len(self._processes) - len(self._playing) - len(self._unstarted)

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that simulate now."""
        return [process.pid for process in self._processes if process is not None]

    def room(self, setup: Setup, share: int) -> bool:
        """Whether a task could begin without taking a process from a setup that has no more than its share."""
        idle = [process for slot, process in enumerate(self._processes) if slot not in self._playing]
        if any(process is None or process.setup.like(setup) for process in idle):
            return True
        return bool(idle) and sum(p is not None and p.setup.like(setup) for p in self._processes) < share

    def start(self, ticket: int, task: Task, part: tuple[Setup, Policy] | None = None) -> None:
        setup, policy = part or (self._setup, self._policy)
        assert policy is not None
        slot = self._slot_for(task, setup)
        process, limit = self._processes[slot], self._limit
        if process is not None and not process.setup.like(setup):
            self._dismiss(slot)
            process = None
        if process is None or not process.alive():
            # One that died while it had nothing to do is nobody's loss.
            self._kill(slot)
            try:
                process = self._processes[slot] = SimulatorProcess(setup)
            except OSError as error:
                fault = SimulatorError(
                    f"No simulator process can be started for {task.name}: {error.strerror}. Use fewer"
                    " --robust-simulators, or raise the limits of processes and open files (ulimit)."
                )
                self._unstarted.append(EpisodeResult(ticket, error=fault))
                return
            limit = None if limit is None else max(limit, STARTING_S)
        process.tell(Order(task, slot))
        process.bases.add(task.base)
        self._playing[slot] = _Playing(ticket, task, policy, perf_counter(), limit)

    def _slot_for(self, task: Task, setup: Setup) -> int:
        """An idle slot: rather one whose simulator has compiled the task's scene, else one that has compiled least.

        Of another setup's processes one is replaced only where nothing else is idle, of the setup that has most.
        """
        processes = self._processes

        def cost(slot: int) -> tuple[bool, bool, int]:
            process = processes[slot]
            if process is None:
                return False, True, 0
            if process.setup.like(setup):
                return False, task.base not in process.bases, len(process.bases)
            return True, True, -sum(one is not None and one.setup.like(process.setup) for one in processes)

        idle = [slot for slot in range(len(processes)) if slot not in self._playing]
        if not idle:
            raise RuntimeError(
                f"{task.name} was begun while all {len(processes)} simulators play: ask whether one is free."
            )
        return min(idle, key=cost)

    def wait(self, timeout: float) -> Sequence[EpisodeResult]:
        until, free = perf_counter() + timeout, self.free
        outcomes, self._unstarted = self._unstarted, []
        while not outcomes and self._playing and self.free == free and perf_counter() < until:
            asking: dict[int, Observation] = {}
            for slot in self._ready(until):
                outcomes += self._hear(slot, asking)
            outcomes += self._answer(asking)
            outcomes += self._overdue()
            self._reap()
        return outcomes

    def abandon(self, tickets: Collection[int] | None = None) -> None:
        for playing in self._playing.values():
            playing.wanted = playing.wanted and tickets is not None and playing.ticket not in tickets
        self._unstarted = [one for one in self._unstarted if tickets is not None and one.ticket not in tickets]

    def close(self) -> None:
        for slot in list(self._playing):
            self._kill(slot)
        for slot in range(len(self._processes)):
            self._dismiss(slot)
        for process in self._leaving:
            process.end()
        self._leaving.clear()
        self._playing.clear()

    def _ready(self, until: float) -> list[int]:
        """Wait until a slot has something to say, in the order of slots; empty when an episode is overdue before."""
        links = {self._process(slot).link: slot for slot in self._playing}
        first = min(until, *(playing.deadline for playing in self._playing.values()))
        said = connection.wait(list(links), max(first - perf_counter(), 0))
        return sorted(slot for link, slot in links.items() if link in said)

    def _hear(self, slot: int, asking: dict[int, Observation]) -> list[EpisodeResult]:
        """Take one message of a slot; what it wants to know from the policy goes into ``asking``."""
        playing, process = self._playing[slot], self._process(slot)
        try:
            message = process.link.recv()
        except (EOFError, OSError):
            how = process.fate()
            return self._fail(slot, SimulatorError(f"The simulator process of {playing.task.name} ended: {how}."))
        if isinstance(message, Report):
            return self._finish(slot, message)
        if isinstance(message, Busy):
            playing.limit = None
            self.pieces += 1
        elif isinstance(message, Ready):
            playing.began, playing.limit = perf_counter(), self._limit
        elif isinstance(message, Observation) and not playing.wanted:
            process.tell(None)
        elif isinstance(message, Observation):
            asking[slot] = message
        elif playing.wanted:
            playing.instruction = message
            return self._ask([slot], "Resetting the policy", lambda: self._begin(slot, message))
        return []

    def _begin(self, slot: int, instruction: str) -> None:
        task, policy = self._playing[slot].task, self._playing[slot].policy
        begin(policy, slot, instruction, suite=task.suite, task=task.base)

    def _answer(self, asking: dict[int, Observation]) -> list[EpisodeResult]:
        """Let each policy answer all that asked it at once."""
        policies = {id(policy): policy for slot in asking if (policy := self._playing[slot].policy)}
        failed: list[EpisodeResult] = []
        for policy in policies.values():
            own = {slot: seen for slot, seen in asking.items() if self._playing[slot].policy is policy}
            failed += self._answer_of(policy, own)
        return failed

    def _answer_of(self, policy: Policy, asking: dict[int, Observation]) -> list[EpisodeResult]:
        answers: list[Actions | None] = []
        start = perf_counter()
        failed = self._ask(list(asking), "The policy", lambda: answers.extend(policy.act([*asking.values()])))
        if failed:
            answers = [None] * len(asking)
        seconds = perf_counter() - start
        for slot, chunk in zip(asking, answers, strict=True):
            self._playing[slot].policy_s += seconds
            self._playing[slot].inferences += 1
            self._process(slot).tell(chunk)
        return failed

    def _ask(self, slots: Sequence[int], doing: str, call: Callable[[], None]) -> list[EpisodeResult]:
        """Call the policy; a fault of it is the outcome of every episode that it was called for."""
        asking = [self._playing[slot] for slot in slots]
        names = ", ".join(playing.task.name for playing in asking)
        try:
            with blaming(PolicyError, doing, names), limited(self._limit, names, expendable=self._expendable):
                call()
        except (SimulatorError, PolicyError) as fault:
            error = fault
        else:
            return []
        for playing in asking:
            playing.wanted = False
        return [EpisodeResult(playing.ticket, error=error) for playing in asking]

    def _finish(self, slot: int, report: Report) -> list[EpisodeResult]:
        process, playing = self._process(slot), self._playing[slot]
        if report.error is not None:
            return self._fail(slot, report.error)
        del self._playing[slot]
        process.episodes += 1
        if process.episodes >= self._lifetime:
            self._dismiss(slot)
        if not playing.wanted or report.finish is None:
            return []
        if isinstance(report.finish, Episode):
            return [EpisodeResult(playing.ticket, report.finish, report.provenance)]
        seconds = perf_counter() - playing.began
        episode = finished(report.finish, playing.instruction, playing.inferences, playing.policy_s, seconds)
        return [EpisodeResult(playing.ticket, episode, report.provenance)]

    def _fail(self, slot: int, error: RobustnessError) -> list[EpisodeResult]:
        """End an episode in error, and its process with it: the next one gets a fresh simulator."""
        self._kill(slot)
        playing = self._playing.pop(slot)
        if isinstance(error, BadInputError):
            raise error
        return [EpisodeResult(playing.ticket, error=error)] if playing.wanted else []

    def _overdue(self) -> list[EpisodeResult]:
        now = perf_counter()
        late = [(slot, playing) for slot, playing in self._playing.items() if playing.deadline <= now]
        return [
            outcome
            for slot, playing in late
            for outcome in self._fail(slot, overdue(playing.task.name, now - playing.began))
        ]

    def _kill(self, slot: int) -> None:
        process, self._processes[slot] = self._processes[slot], None
        if process is not None:
            process.kill()

    def _dismiss(self, slot: int) -> None:
        process, self._processes[slot] = self._processes[slot], None
        if process is not None:
            process.leave()
            self._leaving.append(process)

    def _reap(self) -> None:
        self._leaving = [process for process in self._leaving if not process.gone()]

    def _process(self, slot: int) -> SimulatorProcess:
        process = self._processes[slot]
        assert process is not None
        return process
