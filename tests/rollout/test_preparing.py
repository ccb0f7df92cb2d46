"""What has to be found out about a task beforehand is no part of its episode, and shows that somebody lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from preparing_toy import PreparingSimulator, PreparingToy
from toy import PROFILE, Steady

from pytest_robustplus.rollout.executor import InProcess
from pytest_robustplus.rollout.pool import Pool
from pytest_robustplus.rollout.simulating import Setup

BENCHMARK = PreparingToy({})
TASK = replace(BENCHMARK.tasks()[0], init_state=3)
TIMEOUT_S = 120.0


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the last piece of each preparation waits for."""
    monkeypatch.setenv("TOY_GATE", str(tmp_path / "gate"))
    return tmp_path / "gate"


def test_in_process_a_caller_gets_control_back_after_every_piece(gate: Path) -> None:
    gate.touch()
    simulator = PreparingSimulator({})
    executor = InProcess(
        lambda: simulator, lambda: None, Steady(1.0), PROFILE, limit=TIMEOUT_S, expendable=False  # type: ignore[arg-type]
    )  # fmt: skip
    executor.start(7, TASK)
    for pieces in (1, 2, 3):
        assert executor.wait(0) == []
        assert (executor.pieces, executor.free) == (pieces, 0)
    (outcome,) = executor.wait(0)
    assert outcome.ticket == 7
    assert outcome.episode is not None
    assert executor.free == 1
    executor.start(8, TASK)
    executor.wait(0)
    executor.abandon()
    executor.start(9, TASK)
    assert [executor.wait(0) for _ in range(3)] == [[]] * 3
    assert executor.wait(0)[0].ticket == 9


def test_in_a_pool_no_limit_runs_while_a_task_is_prepared(gate: Path) -> None:
    pool = Pool(Setup(BENCHMARK, PROFILE, BENCHMARK.protocol(PROFILE), None), Steady(1.0), 1, limit=TIMEOUT_S)  # type: ignore[arg-type]
    try:
        pool.start(7, TASK)
        while pool.pieces < 3:  # one as it begins, two before the gate
            assert not pool.wait(0.01)
        assert pool._playing[0].deadline == float("inf")
        gate.touch()
        outcomes = pool.wait(TIMEOUT_S)
        while not outcomes:
            outcomes = pool.wait(TIMEOUT_S)
        assert outcomes[0].episode is not None
        assert pool.pieces == 4
    finally:
        pool.close()
