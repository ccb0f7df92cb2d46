"""Workers get disjoint blocks in order, and inherit those of the dead."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_samples import join, make_episode
from ledger_writers import FORKSERVER, claim, claim_and_wait, take_all

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.processes import Process, dead, this_process

Play = Callable[..., list[int]]
WORKERS = 4


def test_blocks_come_in_order_until_none_is_left(ledger: Ledger, audit: int) -> None:
    assert [claim(ledger, audit, f"gw{n}", block=4, total=10) for n in range(4)] == [
        range(4),
        range(4, 8),
        range(8, 10),
        None,
    ]


def test_what_is_finished_needs_no_claim(ledger: Ledger, audit: int) -> None:
    for position in claim(ledger, audit, "gw0") or ():
        assert ledger.claimed(audit) == 4 - position
        ledger.record(audit, position, make_episode(position))
    assert ledger.claimed(audit) == 0


def test_holes_are_claimed_first_and_only_holes(ledger: Ledger, audit: int, play: Play) -> None:
    play(0, 1, 3, 6, 7)
    assert [claim(ledger, audit, "gw0", total=10) for _ in range(4)] == [range(2, 3), range(4, 6), range(8, 10), None]


def test_a_finished_position_is_never_claimed_again(ledger: Ledger, audit: int, play: Play) -> None:
    assert claim(ledger, audit, "gw0") == range(4)
    play(0, 2)
    ledger.release("gw0")
    assert claim(ledger, audit, "gw1") == range(1, 2)
    assert claim(ledger, audit, "gw1") == range(3, 7)


def test_a_position_in_error_is_given_up_after_two_tries_of_one_run(ledger: Ledger, audit: int, path: Path) -> None:
    assert claim(ledger, audit, "gw0", block=1) == range(1)
    ledger.record(audit, 0, make_episode(0, success=None, error="crash"))
    assert claim(ledger, audit, "gw1", block=1) == range(1, 2), "the worker of a failed try may retry it"
    ledger.release("gw0")
    assert claim(ledger, audit, "gw2", block=1) == range(1)
    ledger.record(audit, 0, make_episode(0, success=None, error="crash"))
    ledger.release("gw2")
    assert claim(ledger, audit, "gw2", block=1) == range(2, 3)
    with Ledger.open(path) as later:
        join(later, "run-2")
        assert claim(later, audit, "run-2 gw0", block=1) == range(1), "another run tries again"


def test_a_silent_worker_loses_its_claims_and_a_beating_one_keeps_them(ledger: Ledger, audit: int) -> None:
    for worker in ("silent", "beating", "recording"):
        claim(ledger, audit, worker)
    time.sleep(0.3)
    ledger.heartbeat("beating")
    ledger.record(audit, 8, make_episode(8, worker="recording"))
    assert claim(ledger, audit, "gw9", stale_s=0.25) == range(4)
    assert claim(ledger, audit, "gw9", stale_s=0.25) == range(12, 16)


def test_release_frees_one_worker_and_release_stale_all_silent_ones(ledger: Ledger, audit: int) -> None:
    claim(ledger, audit, "gw0")
    claim(ledger, audit, "gw1")
    ledger.release("gw0")
    assert claim(ledger, audit, "gw2") == range(4)
    ledger.release_stale(60)
    assert claim(ledger, audit, "gw2") == range(8, 12)
    ledger.release_stale(-1)
    assert claim(ledger, audit, "gw2") == range(4)


def test_claims_of_a_killed_process_are_free_at_once(ledger: Ledger, audit: int, path: Path) -> None:
    claimed = FORKSERVER.Event()
    process = FORKSERVER.Process(target=claim_and_wait, args=(path, audit, claimed))
    process.start()
    assert claimed.wait(30)
    assert claim(ledger, audit, "gw1", stale_s=3600) == range(4, 8)
    process.kill()
    process.join()
    assert claim(ledger, audit, "gw1", stale_s=3600) == range(4)


def test_a_process_is_dead_from_its_end_on_even_when_nobody_has_waited_for_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
        process = Process(this_process().machine, child.pid, stat.rpartition(")")[2].split()[19])
        assert not dead(process)
        assert dead(process._replace(born="1")), "its pid was given to another process"
        assert not dead(process._replace(machine="another", born="1")), "nobody can tell from here"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert dead(process)
    assert dead(process)


def test_a_process_that_takes_over_a_name_does_not_inherit_positions_that_nobody_plays(
    ledger: Ledger, audit: int, path: Path
) -> None:
    claimed = FORKSERVER.Event()
    process = FORKSERVER.Process(target=claim_and_wait, args=(path, audit, claimed))
    process.start()
    assert claimed.wait(30)
    process.kill()
    process.join()
    assert claim(ledger, audit, "victim", stale_s=3600) == range(4)


def test_processes_get_disjoint_blocks(ledger: Ledger, path: Path) -> None:
    start, results = FORKSERVER.Barrier(WORKERS), FORKSERVER.Queue()
    processes = [FORKSERVER.Process(target=take_all, args=(path, f"gw{n}", start, results)) for n in range(WORKERS)]
    for process in processes:
        process.start()
    taken = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * WORKERS
    assert sorted(position for positions in taken for position in positions) == list(range(150))
    assert all(positions == sorted(positions) for positions in taken)
    assert len({audit.id for audit in ledger.audits("run-1")}) == 1, "all workers met the same audit"


@pytest.mark.parametrize("shared", [True, False])
def test_threads_get_disjoint_blocks(ledger: Ledger, audit: int, path: Path, shared: bool) -> None:
    taken: list[int] = []

    def work(worker: str) -> None:
        mine = ledger if shared else Ledger.open(path)
        join(mine, "run-1")
        while (block := claim(mine, audit, worker, block=3, total=90)) is not None:
            taken.extend(block)
            mine.record(audit, block[0], make_episode(block[0], worker=worker))
        if not shared:
            mine.close()

    threads = [threading.Thread(target=work, args=(f"thread-{n}",)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(90))


def test_a_clock_that_is_set_takes_no_claims_from_the_living(
    ledger: Ledger, audit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claim(ledger, audit, "gw0") == range(4)
    assert claim(ledger, audit, "gw1") == range(4, 8)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 7200)
    assert ledger.reap(audit, stale_s=1800) == []
    assert claim(ledger, audit, "gw2", stale_s=1800) == range(8, 12)


def test_who_asks_is_not_dead_however_long_it_was_silent(ledger: Ledger, audit: int) -> None:
    claim(ledger, audit, "gw0")
    claim(ledger, audit, "gw1")
    time.sleep(0.1)
    assert {worker for _, worker in ledger.reap(audit, stale_s=0.05, own="gw0")} == {"gw1"}
    assert ledger.claimed(audit) == 4


def test_workers_that_are_gone_are_forgotten_at_the_next_run(ledger: Ledger, audit: int) -> None:
    claim(ledger, audit, "living")
    with ledger._connection.writing("reaping") as database:
        for name, machine in (("dead", None), ("elsewhere", "moon"), ("claiming", None)):
            database.execute(
                "INSERT INTO worker SELECT ?, ?, coalesce(?, machine), 2147483646, '1', awake FROM worker LIMIT 1",
                (name, 0.0 if machine else time.time(), machine),
            )
        database.execute("INSERT INTO claim VALUES (?, 30, 'claiming')", (audit,))
    ledger.begin_run("run-9", command="", versions={})
    with ledger._connection.reading("counting") as database:
        left = {name for (name,) in database.execute("SELECT worker FROM worker")}
    # Who takes part in a run is noted, too, until it ends.
    assert {name for name in left if not name.startswith("run-")} == {"living", "claiming"}
    assert f"run-9-{os.getpid()}" in left
    ledger.end_run("run-9", 0)
    with ledger._connection.reading("counting") as database:
        assert not list(database.execute("SELECT worker FROM worker WHERE worker LIKE 'run-9%'"))


def test_what_the_dead_of_this_run_had_claimed_is_counted_before_it_is_free(ledger: Ledger, audit: int) -> None:
    """Else an episode that kills its players may take more than two: who claims next may come before who counts."""
    own, other = "run-1-gw0", "run-0-gw0"
    claim(ledger, audit, own, block=2, stale_s=3600)
    claim(ledger, audit, other, block=2, stale_s=3600)
    with ledger._connection.writing("letting them be dead") as database:
        database.execute("UPDATE worker SET born = 'never'")
    assert claim(ledger, audit, "run-1-gw1", block=2, stale_s=3600) == range(2, 4)
    assert ledger.reap(audit, stale_s=3600) == [(0, own), (1, own)]
    assert claim(ledger, audit, "run-1-gw1", block=2, stale_s=3600) == range(2)
