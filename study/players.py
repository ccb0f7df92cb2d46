"""Members at play as they become known, on the generated edition: every member the same tasks in one fixed order.

The product's comparison (``make study``) fixes its members, and with them its order, before the first episode. Here
members appear while others are still in training, so the order is the study's own, and who comes late begins at the
first task. Each worker plays one task with several members, one after the other; every outcome is a line of
``outcomes.jsonl``, and what stands there is not played again.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import chain
from multiprocessing import connection, get_context
from pathlib import Path
from typing import Any, NamedTuple

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.benchmarks.libero_generated.tasks import find_task, played, tasks
from pytest_robustplus.distributed import machine
from pytest_robustplus.distributed.devices import Device
from pytest_robustplus.perturbations import DIMENSIONS, Dimension, Layout, part
from pytest_robustplus.statistics.order import order
from training.words import SUITES

BENCHMARK = "libero_plus_generated"
_TRIES = 2
_GRACE_S = 10.0  # for the episodes at play when the time is up
_TOGETHER = 10  # members that one worker plays a task with before it is handed another: one scene serves them all
_CHOICE = 3  # places ahead of the first open task among which a worker looks for one whose scene it has built
_ROOM_BYTES = 3_500_000_000  # for the scenes that a worker keeps: more than all of both suites take
ABLATIONS = {"blind": "vision", "deaf": "language", "numb": "proprioception"}
"""What the names of ablated players stand for: ``vla-0~blind`` has no vision."""


def ordered() -> Mapping[str, Sequence[Task]]:
    """The tasks of each dimension in the order in which every member plays them."""
    wanted: dict[str, list[Task]] = defaultdict(list)
    for task in tasks():
        if task.suite in SUITES and task.dimension in DIMENSIONS and not task.blocked:
            wanted[task.dimension].append(task)
    found = {}
    for dimension, own in wanted.items():
        places = order([t.name for t in own], benchmark=BENCHMARK, dimension=dimension, checkpoint="study")
        found[str(dimension)] = [own[place] for place in places]
    return found


class Outcome(NamedTuple):
    """One episode, or (``error``) one that could not be played; ``policy_s`` is of all ``inferences`` together."""

    player: str
    task: str
    success: bool | None
    steps: int = 0
    inferences: int = 0
    policy_s: float = 0.0
    wall_s: float = 0.0
    error: str = ""


def read(path: Path) -> list[Outcome]:
    """What was recorded; a last line that was cut short is left out."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [Outcome(**json.loads(line)) for line in lines if line.endswith("\n")]


class Budgets(NamedTuple):
    """How many tasks of each dimension every player is to play, and of the unperturbed ones, where they are fewer."""

    tasks: Mapping[str, int]
    unperturbed: int | None = None


class Work:
    """What is left to play, task by task: ``budgets`` says how many tasks of each dimension a player is to play."""

    def __init__(self, done: Iterable[Outcome]) -> None:
        self._order = ordered()
        self._places = {task.name: place for own in self._order.values() for place, task in enumerate(own)}
        self._tries: dict[tuple[str, str], int] = defaultdict(int)
        self._settled: set[tuple[str, str]] = set()
        for outcome in done:
            self.take(outcome)

    def take(self, outcome: Outcome) -> None:
        """Take note of what came of an episode; one that failed to be played is tried a second time."""
        key = outcome.player, outcome.task
        self._tries[key] += outcome.success is None
        if outcome.success is not None or self._tries[key] >= _TRIES:
            self._settled.add(key)

    @property
    def count(self) -> int:
        """Episodes that were played, or given up."""
        return len(self._settled)

    def settled(self, player: str, task: Task) -> bool:
        """Whether nothing more is to come of it."""
        return (player, task.name) in self._settled

    def place(self, task: Task) -> int:
        """How many tasks of its dimension come before it."""
        return self._places[task.name]

    def open(self, budgets: Mapping[str, int], unperturbed: int | None = None) -> Iterator[tuple[Task, list[str]]]:
        """Every task with the players that lack it, the first of all dimensions first; ``unperturbed`` bounds those."""
        for place in range(max(budgets.values(), default=0)):
            for dimension, own in self._order.items():
                if place >= len(own) or (dimension == Dimension.ORIGINAL and place >= (unperturbed or len(own))):
                    continue
                task = own[place]
                lacking = [p for p, budget in budgets.items() if place < budget and (p, task.name) not in self._settled]
                if lacking:
                    yield task, lacking


@cache
def _scene(name: str) -> tuple[str, bool]:
    """What a simulator has to build for a task: the base task's scene, with spares where objects are to be added."""
    task = played(find_task(name))
    return task.base, bool(part(task.perturbation, Layout).distractors)


class _Worker:
    """A process with simulators of its own; ``environment`` says on which card, and how many scenes they keep."""

    def __init__(self, folder: Path, end: float, environment: Mapping[str, str]) -> None:
        self.scenes: set[tuple[str, bool]] = set()
        self.at: tuple[Task, tuple[str, ...]] | None = None
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            self._process = context.Process(target=_serve, args=(theirs, str(folder), end), daemon=True)
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        theirs.close()

    def play(self, task: Task, players: Sequence[str]) -> None:
        self.at = task, tuple(players)
        self.scenes.add(_scene(task.name))
        self.pipe.send((task.name, tuple(players)))

    def end(self) -> None:
        self.pipe.close()
        self._process.join(0.2)
        if self._process.is_alive():
            self._process.kill()


def _serve(pipe: connection.Connection, folder: str, end: float) -> None:
    """Play what is asked for until the other end is closed; of a task, sends each outcome and then None."""
    from pytest_robustplus.benchmarks.libero_generated.benchmark import LiberoGenerated
    from training.checkpoint import profile

    rules = profile()
    simulator = LiberoGenerated({}).simulator(rules, {})
    policies: dict[str, Any] = {}
    # The other end is closed while an episode is at play, when the time is up.
    with suppress(EOFError, BrokenPipeError):
        while True:
            name, players = pipe.recv()
            for player in players:
                if time.time() > end:
                    break
                pipe.send(_played(simulator, rules, find_task(name), player, policies, Path(folder)))
            pipe.send(None)


def _played(simulator: Any, rules: Any, task: Task, player: str, policies: dict[str, Any], folder: Path) -> Outcome:
    from pytest_robustplus.errors import RobustnessError
    from pytest_robustplus.policies.ablation import Ablated
    from pytest_robustplus.policies.profiled import Profiled
    from pytest_robustplus.rollout.episode import play
    from training.checkpoint import Checkpoint

    name, _, arm = player.partition("~")
    try:
        if name not in policies:
            policies[name] = Checkpoint(folder / f"{name}.onnx")
        policy = Ablated(policies[name], ABLATIONS[arm]) if arm else policies[name]
        episode = play(simulator, Profiled(policy, rules), task, rules)
    except RobustnessError as error:
        return Outcome(player, task.name, None, error=str(error))
    times = round(episode.policy_s, 4), round(episode.wall_s, 3)
    return Outcome(player, task.name, bool(episode.success), episode.steps, episode.inferences, *times)


class Pool:
    """Workers that play ``work`` with whoever is there, writing each outcome at once."""

    def __init__(self, folder: Path, outcomes: Path, workers: int, end: float, devices: Sequence[Device] = ()) -> None:
        self._folder, self._outcomes, self._end = folder, outcomes, end
        kept = {machine.KEPT: machine.said(max(workers, 1), inside=False, most=_ROOM_BYTES)}
        cards = [devices[n % len(devices)].environment() if devices else {} for n in range(workers)]
        self._environments = [{**card, **kept} for card in cards]
        self._workers = [_Worker(folder, end, environment) for environment in self._environments]
        self.work = Work(read(outcomes))

    def play(self, rounds: Sequence[Budgets], seconds: float) -> bool:
        """Play for some seconds, of each round what the rounds before leave idle; say whether anything is left."""
        until = min(time.time() + seconds, self._end)
        while time.time() < until:
            self._hand_out(rounds)
            if not self._listen(until):
                return False
        return any(self._open(rounds))

    def _listen(self, until: float) -> bool:
        """Record what comes first from those at play, if any are; say whether any are."""
        busy = {worker.pipe: place for place, worker in enumerate(self._workers) if worker.at is not None}
        for pipe in connection.wait(list(busy), max(until - time.time(), 0)) if busy else ():
            for outcome in self._heard(busy[pipe]):  # type: ignore[index]
                self.work.take(outcome)
                with self._outcomes.open("a") as file:
                    file.write(json.dumps(outcome._asdict()) + "\n")
        return bool(busy)

    def _heard(self, place: int) -> Iterator[Outcome]:
        worker = self._workers[place]
        try:
            outcome = worker.pipe.recv()
        except (EOFError, OSError):
            assert worker.at is not None
            task, players = worker.at
            # Who was at play is not known, so the try counts against all that were to come.
            for player in players:
                if not self.work.settled(player, task):
                    yield Outcome(player, task.name, None, error="the process died")
            worker.end()
            self._workers[place] = _Worker(self._folder, self._end, self._environments[place])
            return
        if outcome is None:
            worker.at = None
        else:
            yield outcome

    def _open(self, rounds: Sequence[Budgets]) -> Iterator[tuple[Task, list[str]]]:
        return chain.from_iterable(self.work.open(*budgets) for budgets in rounds)

    def _hand_out(self, rounds: Sequence[Budgets]) -> None:
        idle = [worker for worker in self._workers if worker.at is None]
        if not idle or time.time() > self._end:
            return
        at_play = {(player, w.at[0].name) for w in self._workers if w.at for player in w.at[1]}
        offered: list[tuple[Task, list[str]]] = []
        for task, lacking in self._open(rounds):
            free = [player for player in lacking if (player, task.name) not in at_play]
            offered += [(task, free[first : first + _TOGETHER]) for first in range(0, len(free), _TOGETHER)]
            if len(offered) >= 2 * len(self._workers):
                break
        for worker in idle:
            if not offered:
                return
            # A worker keeps to scenes that it has built, as far as no task waits long for that: only what is played of
            # all tasks up to some place counts.
            last = self.work.place(offered[0][0]) + _CHOICE
            near = [one for one in offered if self.work.place(one[0]) <= last]
            chosen = next((one for one in near if _scene(one[0].name) in worker.scenes), None)
            built = set().union(*(other.scenes for other in self._workers))
            chosen = chosen or next((one for one in near if _scene(one[0].name) not in built), offered[0])
            offered.remove(chosen)
            worker.play(*chosen)

    def close(self) -> None:
        """End the workers, once the episodes at play are over."""
        until = time.time() + _GRACE_S
        while time.time() < until and self._listen(until):
            pass
        for worker in self._workers:
            worker.end()
