"""Simulators in processes of their own play as one in this process does, and what befalls them costs one episode."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from multiprocessing import connection
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from toy import PROFILE, Steady, Toy

from pytest_robustplus.errors import BadInputError, PolicyError, SimulatorError
from pytest_robustplus.evaluation.players import LocalPlayers
from pytest_robustplus.ledger.lease import Lease
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.rollout.episode import Episode, play
from pytest_robustplus.rollout.executor import EpisodeResult, Stage
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Setup
from pytest_robustplus.session.cells import Subject

BENCHMARK = Toy({})
TASKS = BENCHMARK.tasks()
TIMEOUT_S = 120.0
FATAL = 3


class Moody:
    """Pushes as hard as the instruction is long, harder at every look: depends on the slot's own episode and step."""

    checkpoint = "moody"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self._instructions: dict[int, str] = {}
        self.before: Callable[[], None] = lambda: None

    def reset(self, slot: int, instruction: str) -> None:
        self._instructions[slot] = instruction

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.before()
        self.batches.append(len(observations))
        pushes = [len(self._instructions[seen.slot]) % 7 / 10 + seen.step / 7 for seen in observations]
        return [np.full((4, 2), push) for push in pushes]


Pools = Callable[..., Pool]


@pytest.fixture
def pools() -> Iterator[Pools]:
    made: list[Pool] = []

    def make(
        policy: object, simulators: int = 2, *, horizon: int = 3, lease: Lease | None = None, **how: object
    ) -> Pool:
        # As the profiles of cards, with a mapping that is read-only.
        profile = replace(PROFILE, horizons=MappingProxyType(dict.fromkeys(PROFILE.horizons, horizon)))
        setup = Setup(BENCHMARK, profile, BENCHMARK.protocol(PROFILE), None, lease)
        made.append(Pool(setup, policy, simulators, **how))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def grief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the next simulator that plays task FATAL come to grief."""
    deaths = tmp_path / "deaths"
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    return lambda how: (deaths.write_text(f"1 {TASKS[FATAL].name} {how}"), None)[1]


def finish(pool: Pool, tickets: Sequence[int]) -> dict[int, EpisodeResult]:
    """Play tasks by their number, as many at once as the pool takes."""
    pending, found = list(reversed(tickets)), {}
    while len(found) < len(tickets):
        while pending and pool.free:
            ticket = pending.pop()
            pool.start(ticket, TASKS[ticket % len(TASKS)])
        for outcome in pool.wait(TIMEOUT_S):
            found[outcome.ticket] = outcome
    return found


def essence(episode: Episode | None) -> object:
    assert episode is not None
    untimed = episode._replace(simulator_s=0, policy_s=0, wall_s=0)
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in untimed]


def children() -> dict[int, str]:
    """Processes that this one started, with their states; Z is a zombie."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found[int(stat.parent.name)] = fields[0]
    return found


def test_500_episodes_come_out_as_in_this_process_and_leave_nothing_behind(
    pools: Pools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator, policy = BENCHMARK.simulator(PROFILE, {}), Moody()
    expected = [essence(play(simulator, policy, task, PROFILE)) for task in TASKS]
    monkeypatch.setenv("TOY_CONTEXTS", str(tmp_path))
    before = children().keys()
    shared = Moody()
    pool = pools(shared, 3, lifetime=100)
    pids: set[int] = set()
    for batch in range(10):
        for ticket, outcome in finish(pool, range(50 * batch, 50 * (batch + 1))).items():
            assert essence(outcome.episode) == expected[ticket % len(TASKS)]
            assert outcome.provenance == {"toy": "1.0"}
        pids |= set(pool.pids)
        mine = {pid: state for pid, state in children().items() if pid not in before}
        # At most, each of the three has a predecessor that is still on its way out.
        assert len(mine) <= 6
        assert len(pool.pids) <= 3
    assert len(pids) >= 5, "processes were replaced"
    pool.close()
    assert children().keys() <= before
    assert not list(tmp_path.iterdir()), "every context was closed"
    assert max(shared.batches) > 1


@pytest.mark.parametrize(
    ("how", "said"),
    [("SIGSEGV", "ended: SIGSEGV"), ("SIGKILL", "as when memory runs out"), ("memory", "Unable to allocate"),
     ("hang", "was still running after")],
)  # fmt: skip
def test_what_befalls_a_simulator_costs_its_episode_alone(
    how: str, said: str, pools: Pools, grief: Callable[[str], None]
) -> None:
    grief(how)
    before = children().keys()
    pool = pools(Steady(0.5), limit=2.0 if how == "hang" else None)
    found = finish(pool, range(8))
    error = found[FATAL].error
    assert isinstance(error, SimulatorError)
    assert said in str(error)
    assert TASKS[FATAL].name in str(error)
    assert all(outcome.error is None for ticket, outcome in found.items() if ticket != FATAL)
    assert finish(pool, [FATAL])[FATAL].episode is not None, "its retry gets a fresh simulator"
    pool.close()
    assert children().keys() <= before


def test_a_process_that_dies_with_nothing_to_do_costs_nothing(pools: Pools) -> None:
    pool = pools(Steady(0.5), 1)
    finish(pool, [0])
    (pid,) = pool.pids
    os.kill(pid, 9)
    # Not until it is a zombie: that it is while its threads are still ending, and then nobody can tell it is dead.
    while pool._process(0).alive():
        time.sleep(0.001)
    assert finish(pool, [1])[1].error is None


def test_a_slow_simulator_holds_up_nobody(
    pools: Pools, grief: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_GATE", str(tmp_path / "gate"))
    grief("gate")
    pool = pools(Steady(0.5))
    pool.start(FATAL, TASKS[FATAL])
    for ticket in range(10, 20):
        pool.start(ticket, TASKS[ticket])
        (outcome,) = pool.wait(TIMEOUT_S)
        assert outcome.ticket == ticket
    (tmp_path / "gate").touch()
    (slow,) = pool.wait(TIMEOUT_S)
    assert slow.ticket == FATAL
    assert slow.episode is not None


def test_whatever_waits_is_answered_together(pools: Pools) -> None:
    """Those that looked while the policy answered others are all in its next call."""
    slots, last_look = set(range(4)), 28
    calls: list[set[int]] = []

    class Waiting(Steady):
        over = False

        def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
            self.over = self.over or any(seen.step == last_look for seen in observations)
            if not self.over:
                calls.append({seen.slot for seen in observations})
                others = [pool._process(slot).link for slot in slots - calls[-1]]
                deadline = time.monotonic() + TIMEOUT_S
                while len(connection.wait(others, 0)) < len(others):
                    assert time.monotonic() < deadline
                    time.sleep(0.001)
            return super().act(observations)

    pool = pools(Waiting(0.0), len(slots), horizon=last_look + PROFILE.replan)
    finish(pool, range(len(slots)))
    # Before its first look a simulator has other things to say.
    started = next(number for number in range(len(calls)) if set().union(*calls[:number]) == slots)
    assert len(calls) > started + 1
    for call, following in pairwise(calls[started:]):
        assert slots - call <= following


def test_a_policy_that_raises_is_to_blame_and_the_pool_goes_on(pools: Pools) -> None:
    policy = Moody()
    pool = pools(policy)

    def fail() -> None:
        raise ValueError("CUDA error: out of memory")

    policy.before = fail
    for outcome in finish(pool, range(2)).values():
        assert isinstance(outcome.error, PolicyError)
        assert "CUDA error: out of memory" in str(outcome.error)
    policy.before = lambda: None
    deadline = time.monotonic() + TIMEOUT_S
    while pool.free < 2 and time.monotonic() < deadline:
        assert not pool.wait(1.0)
    assert all(outcome.error is None for outcome in finish(pool, range(2)).values())


def test_nothing_comes_of_what_was_abandoned(pools: Pools) -> None:
    pool = pools(Steady(0.5))
    pool.start(0, TASKS[0])
    pool.start(1, TASKS[1])
    pool.abandon()
    deadline = time.monotonic() + TIMEOUT_S
    while pool.free < 2 and time.monotonic() < deadline:
        assert not pool.wait(1.0)
    pids = pool.pids
    assert finish(pool, [2, 3]).keys() == {2, 3}
    assert pool.pids == pids, "its simulators stay"


def test_who_plays_next_waits_for_a_simulator_that_plays_what_was_abandoned(pools: Pools) -> None:
    """As a question does whose simulators have all just been given up."""
    pool = pools(Steady(0.5), 1)
    pool.start(0, TASKS[0])
    pool.abandon()
    with pytest.raises(RuntimeError, match=f"{TASKS[1].name} was begun while all 1 simulators play"):
        pool.start(1, TASKS[1])
    players = LocalPlayers(
        2, lambda found: [Stage(pool, pool.start)] * len(found), lambda *_: True, alone=bool, loaded=bool
    )
    subject: Subject = SimpleNamespace(key=("model", "toy"))  # type: ignore[assignment]
    players.prepare([subject])
    players.start(1, subject, TASKS[1])
    found: list[EpisodeResult] = []
    while not found:
        found += players.wait(1.0)
    assert [outcome.ticket for outcome in found] == [1]


def test_what_was_abandoned_has_the_machine_until_it_looks_up(
    pools: Pools, grief: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker has left the machine to a latency test, and attends to the pool no more."""
    monkeypatch.setenv("TOY_GATE", str(tmp_path / "gate"))
    lease = Lease(tmp_path / "l.sqlite")
    pool = pools(Steady(0.5), lease=lease)
    finish(pool, [0, 1])
    grief("gate")
    with lease.shared():
        pool.start(FATAL, TASKS[FATAL])
        deadline = time.monotonic() + TIMEOUT_S
        while not (tmp_path / "deaths").read_text().startswith("0 "):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        pool.abandon()
    with Path(f"{tmp_path}/l.sqlite.room").open("a") as room, pytest.raises(BlockingIOError):
        fcntl.flock(room, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (tmp_path / "gate").touch()
    with lease.alone():
        # Nothing that is at play could have ended meanwhile.
        assert pool.free == 1
    assert finish(pool, [2, 4]).keys() == {2, 4}


def test_a_killed_worker_takes_its_simulators_along(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[1] / "support")]!r}
from toy import PROFILE, Steady, Toy
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Setup
from pytest_robustplus.session.cells import Subject
toy = Toy({{}})
pool = Pool(Setup(toy, PROFILE, {{}}, None), Steady(0.5), 1)
pool.start(0, toy.tasks()[0])
pool.wait(60)
pool.start({FATAL}, toy.tasks()[{FATAL}])
print(*pool.pids, flush=True)
pool.wait(60)
"""
    deaths = tmp_path / "deaths"
    deaths.write_text(f"1 {TASKS[FATAL].name} hang")
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "TOY_DEATHS": str(deaths), "PYTHONPATH": path}
    worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    deadline = time.monotonic() + TIMEOUT_S
    while not deaths.read_text().startswith("0 "):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    worker.stdout.close()
    stat = Path(f"/proc/{pid}/stat")
    try:
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline, "the simulator outlived its worker"
            time.sleep(0.01)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_benchmark_that_cannot_travel_is_refused() -> None:
    class Local(Toy):
        pass

    pool = Pool(Setup(Local({}), PROFILE, {}, None), Steady(0.5), 2)
    with pytest.raises(BadInputError, match="--robust-simulators"):
        pool.start(0, TASKS[0])
    assert not pool.pids
    pool.close()


def test_a_process_that_cannot_be_started_costs_the_episode(pools: Pools, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pools(Steady(0.5), 2)

    def exhausted(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", exhausted)
        pool.start(0, TASKS[0])
        assert pool.free == 1
        (outcome,) = pool.wait(TIMEOUT_S)
    assert isinstance(outcome.error, SimulatorError)
    assert "No simulator process can be started" in str(outcome.error)
    assert "Too many open files" in str(outcome.error)
    assert pool.free == 2
    pool.start(0, TASKS[0])
    (again,) = pool.wait(TIMEOUT_S)
    assert again.episode is not None


def test_a_policy_that_leaves_the_process_costs_its_episodes(pools: Pools) -> None:
    class Leaving(Steady):
        def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
            sys.exit(1)

    pool = pools(Leaving(0.5), 1)
    pool.start(0, TASKS[0])
    (outcome,) = pool.wait(TIMEOUT_S)
    assert isinstance(outcome.error, PolicyError)
    assert "SystemExit: 1 (test_pool.py" in str(outcome.error)
    assert "sys.exit(1)" in outcome.error.trace


def test_policies_of_one_setup_share_processes_and_are_asked_apart(pools: Pools) -> None:
    own, other = Moody(), Moody()
    pool = pools(own)
    finish(pool, [0, 1])
    before = pool.pids
    pool.start(2, TASKS[2], (pool._setup, other))
    pool.start(3, TASKS[3])
    found: dict[int, EpisodeResult] = {}
    while len(found) < 2:
        found |= {outcome.ticket: outcome for outcome in pool.wait(TIMEOUT_S)}
    assert pool.pids == before
    assert other.batches
    assert set(other.batches) == {1}
    alone = finish(pools(Moody()), [2, 3])
    assert {t: essence(one.episode) for t, one in found.items()} == {t: essence(o.episode) for t, o in alone.items()}


def test_another_setup_takes_a_place_within_its_share(pools: Pools) -> None:
    pool, other = pools(Steady(0.5)), replace(PROFILE, replan=1)
    setup = Setup(BENCHMARK, other, BENCHMARK.protocol(other), None)
    assert pool.room(setup, 1)
    finish(pool, [0, 1])
    pool.start(0, TASKS[0])
    pool.start(1, TASKS[1])
    assert not pool.room(setup, 1), "nothing is idle"
    while pool.free < 2:
        pool.wait(TIMEOUT_S)
    kept = set(pool.pids)
    pool.start(2, TASKS[2], (setup, Steady(0.0)))
    (outcome,) = pool.wait(TIMEOUT_S)
    assert outcome.episode is not None
    assert outcome.episode.looks == 3, "it looks at every step"
    assert len(kept & set(pool.pids)) == 1
    assert pool.room(setup, 1), "its own is idle"
    pool.start(3, TASKS[3], (setup, Steady(0.5)))
    assert not pool.room(setup, 1)
    assert pool.room(setup, 2)
