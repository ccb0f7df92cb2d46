"""Real LIBERO over network namespaces: the outcomes and final states of one process, and what the cluster adds.

    tests/conformance/cluster.sh PYTHON libero   # cluster.sh makes the hosts, and calls this in the first one

Fails where an outcome or a state differs, where more than 2 % of an episode lies outside of simulator and policy, and
where the first episode begins later than 15 s after pytest has attached.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.evaluation.campaign import campaign_of
from pytest_robustplus.evaluation.players import ClusterPlayers
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.rollout.executor import EpisodeResult
from pytest_robustplus.session.cells import Subject

SHARE, FIRST_S = 0.02, 15.0
SUITE = """
import pytest

@pytest.mark.robustness("libero_plus")
def test_success_rate(cell):
    assert cell.not_worse_than(cell.baseline)
"""
CHOSEN = ["--robust-perturbation=camera,language", "--robust-suite=libero_object", "--robust-baseline=none"]


class Clock:
    """Notes when what was asked of the cluster, and when it came."""

    def __init__(self) -> None:
        self.attached = self.first = 0.0
        self.overheads: list[float] = []
        self._began: dict[int, float] = {}
        self._seen: set[str] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        players = campaign_of(session.config).players
        assert isinstance(players, ClusterPlayers)
        prepare, start, wait = players.prepare, players.start, players.wait

        def prepared(subjects: Sequence[Subject]) -> None:
            self.attached = self.attached or time.monotonic()
            prepare(subjects)

        def started(ticket: int, subject: Subject, task: Task) -> None:
            self._began[ticket] = time.monotonic()
            start(ticket, subject, task)

        def waited(timeout: float) -> Sequence[EpisodeResult]:
            found = wait(timeout)
            for result in found:
                self._take(result)
            return found

        players.prepare, players.start, players.wait = prepared, started, waited  # type: ignore[method-assign,assignment]

    def _take(self, result: EpisodeResult) -> None:
        episode, at = result.episode, time.monotonic()
        assert episode is not None, result.error
        self.first = self.first or at - episode.wall_s
        node = result.provenance["node"]
        if node in self._seen:
            took = at - self._began[result.ticket]
            self.overheads.append((took - episode.simulator_s - episode.policy_s) / took)
        # The first of each machine builds its simulator, which is no part of an episode.
        self._seen.add(node)


def outcomes(path: Path) -> dict[tuple[str, int], tuple[bool | None, str, str]]:
    with Ledger.open(path, create=False) as ledger:
        audits = {audit.id: audit for audit in ledger.audits()}.values()
        return {
            (a.key.dimension, e.position): (e.record.success, e.record.state_hash, e.record.task)
            for a in audits
            for e in ledger.episodes(a.id)
        }


def main() -> int:
    address, model, budget = sys.argv[1:4]
    chosen = [*CHOSEN, f"--robust-model={model}", f"--robust-budget={budget}", "-p", "no:cacheprovider"]
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), Clock()
        (folder / "test_suite.py").write_text(SUITE)
        (folder / "pytest.ini").write_text("[pytest]\n")
        alone = [sys.executable, "-m", "pytest", *chosen, f"--robust-ledger={folder}/one.sqlite", "-n0", str(folder)]
        subprocess.run(alone, check=True, cwd=folder)
        cluster = [f"--robust-cluster={address}", "--robust-simulators=2", f"--robust-ledger={folder}/many.sqlite"]
        status = pytest.main([*chosen, *cluster, f"--rootdir={folder}", str(folder)], plugins=[clock])
        assert status == 0, status
        one, many = outcomes(folder / "one.sqlite"), outcomes(folder / "many.sqlite")
    first, share = clock.first - clock.attached, statistics.median(clock.overheads)
    same = sum(one[place] == many.get(place) for place in one)
    print(
        f"{model}: {same} of {len(one)} outcomes and states as in one process; first episode {first:.1f} s after"
        f" attach (bound {FIRST_S:.0f} s), outside of simulator and policy {100 * share:.2f} % of an episode (bound"
        f" {100 * SHARE:.0f} %, median of {len(clock.overheads)})"
    )
    return 0 if one == many and first <= FIRST_S and share <= SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
