"""A run that ended early goes on where it stopped; a decided one is history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_samples import KEY, TOTAL, join, make_conclusion, make_episode

from pytest_robustplus.ledger import Ledger

Play = Callable[..., list[int]]


def test_an_unfinished_audit_is_resumed_by_the_next_run(ledger: Ledger, audit: int, play: Play, path: Path) -> None:
    play(0, 1, 5)
    ledger.record(audit, 2, make_episode(2, success=None, error="crash"))
    ledger.close()
    with Ledger.open(path) as later:
        later.begin_run("run-2", command="", versions={})
        state = later.open_audit(KEY, run="run-2", total=TOTAL, order_seed="seed")
        assert (state.id, state.resumed) == (audit, 3)
        assert later.prefix(audit) == [False, True]
        later.record(audit, 2, make_episode(2))
        assert [stored.run for stored in later.attempts(audit, 2)] == ["run-1", "run-2"]


@pytest.mark.parametrize("verdict", ["pass", "fail", "measured"])
def test_a_decided_audit_is_history(ledger: Ledger, audit: int, play: Play, verdict: str) -> None:
    play(0)
    ledger.close_audit(audit, make_conclusion(outcome=verdict))
    ledger.end_run("run-1", 1)
    assert join(ledger, "run-2") != audit


@pytest.mark.parametrize("exitstatus", [None, 2])
def test_what_an_interrupted_run_of_the_same_command_decided_stands(
    ledger: Ledger, audit: int, play: Play, exitstatus: int | None
) -> None:
    play(0, 1)
    ledger.close_audit(audit, make_conclusion())
    if exitstatus is not None:
        ledger.end_run("run-1", exitstatus)
    ledger.begin_run("other", command="pytest elsewhere", versions={})
    assert not ledger.open_audit(KEY, run="other", total=TOTAL, order_seed="seed").taken
    assert join(ledger, "run-2") == audit
    state = ledger.open_audit(KEY, run="run-2", total=TOTAL, order_seed="seed")
    assert state.taken
    # Whoever has not ended, and lives, as this process does, has not been interrupted.
    assert state.live == (exitstatus is None)
    assert state.resumed == 2
    ledger.close_audit(audit, make_conclusion())
    ledger.end_run("run-2", 0)
    assert join(ledger, "run-3") != audit


def test_an_audit_that_ended_in_error_is_resumed(ledger: Ledger, audit: int, play: Play) -> None:
    play(0)
    ledger.close_audit(audit, make_conclusion(outcome="error"))
    assert join(ledger, "run-2") == audit
    assert ledger.conclusion(audit) is None
    ledger.close_audit(audit, make_conclusion())
    assert ledger.conclusion(audit) == make_conclusion()
    ledger.end_run("run-2", 0)
    assert join(ledger, "run-3") != audit


def test_a_run_meets_its_own_audit_again_even_when_decided(ledger: Ledger, audit: int, path: Path) -> None:
    ledger.close_audit(audit, make_conclusion())
    with Ledger.open(path) as helper:
        assert join(helper, "run-1") == audit
        assert helper.conclusion(audit) == make_conclusion()


def test_two_runs_at_once_share_episodes_and_decide_for_themselves(
    ledger: Ledger, audit: int, play: Play, path: Path
) -> None:
    with Ledger.open(path) as other:
        assert join(other, "run-2") == audit
        play(0, 1)
        other.record(audit, 2, make_episode(2))
        ledger.close_audit(audit, make_conclusion(margin=0.10))
        assert other.conclusion(audit) is None
        other.record(audit, 3, make_episode(3))
        other.close_audit(audit, make_conclusion(outcome="fail", margin=0.02))
        assert [(stored.run, stored.conclusion and stored.conclusion.outcome) for stored in other.audits()] == [
            ("run-1", "pass"),
            ("run-2", "fail"),
        ]
    assert ledger.prefix(audit) == [False, True, True, False]


@pytest.mark.parametrize("part", ["model", "benchmark", "dimension", "checkpoint", "protocol", "population"])
def test_another_key_is_another_audit(ledger: Ledger, audit: int, part: str) -> None:
    assert join(ledger, "run-2", replace(KEY, **{part: "another"})) != audit
    assert join(ledger, "run-2") == audit


def test_another_order_is_another_audit(ledger: Ledger, audit: int) -> None:
    assert ledger.open_audit(KEY, run="run-1", total=TOTAL, order_seed="another").id != audit
    assert ledger.open_audit(KEY, run="run-1", total=TOTAL - 1, order_seed="seed").id != audit
