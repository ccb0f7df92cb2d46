"""What is recorded comes back as it was, and only once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ledger_samples import KEY, TOTAL, join, make_conclusion, make_episode

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.packing import pack_actions, unpack_actions
from pytest_robustplus.ledger.schema import CHECKSUM, checksum
from pytest_robustplus.results.notes import Note, Notes

Play = Callable[..., list[int]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("shape", [(100, 7), (0, 7), (3,), (2, 3, 4)])
def test_actions_keep_every_bit(dtype: str, shape: tuple[int, ...]) -> None:
    actions = np.random.default_rng(1).normal(size=shape).astype(dtype)
    back = unpack_actions(pack_actions(actions))
    assert back.dtype == actions.dtype
    assert back.shape == actions.shape
    assert back.tobytes() == actions.tobytes()


def test_actions_keep_the_bits_of_special_values() -> None:
    actions = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, 5e-324, 0.1])
    payload = np.frombuffer(np.array([0x7FF8000000000123], dtype=np.uint64).tobytes(), dtype=np.float64)
    for values in (actions, payload, actions[:4]):
        assert unpack_actions(pack_actions(values)).tobytes() == values.tobytes()


def test_actions_that_float32_holds_take_half_the_bytes() -> None:
    narrow = np.random.default_rng(1).uniform(-1, 1, (100, 7)).astype(np.float32)
    assert pack_actions(narrow.astype(np.float64)).stored == "<f4"
    assert pack_actions(narrow.astype(np.float64) + 1e-12).stored == "<f8"


def test_actions_that_are_not_contiguous_are_kept() -> None:
    actions = np.arange(24, dtype=np.float64).reshape(4, 6)[::2, ::-1].T
    np.testing.assert_array_equal(unpack_actions(pack_actions(actions)), actions)


def test_an_episode_comes_back_as_it_was(ledger: Ledger, audit: int) -> None:
    actions = np.random.default_rng(2).normal(size=(50, 7))
    record = make_episode(
        4,
        subdimension="orbit",
        parameters={"azimuth_deg": -15.5, "kind": "müde", "count": 3, "mirrored": True},
        steps=50,
        looks=7,
        inferences=7,
        simulator_s=1.25,
        policy_s=0.1,
        wall_s=1.4,
        state_hash="abc",
        actions=actions,
        provenance={"mujoco": "3.3.7", "renderer": "egl"},
    )
    identity = ledger.record(audit, 4, record)
    for stored in (ledger.episode(identity), ledger.episode("last")):
        assert (stored.id, stored.audit, stored.run, stored.position, stored.attempt) == (
            identity,
            audit,
            "run-1",
            4,
            1,
        )
        assert stored.record.actions is not None
        assert stored.record.actions.tobytes() == actions.tobytes()
        for name in record.__dataclass_fields__:
            if name != "actions":
                assert getattr(stored.record, name) == getattr(record, name), name
    (listed,) = ledger.episodes(audit)
    assert listed.record.actions is None
    assert listed.record.parameters == record.parameters


def test_an_episode_that_is_not_there_is_an_error_that_names_the_last(ledger: Ledger, play: Play) -> None:
    with pytest.raises(LedgerError, match="no episode last; it holds none yet"):
        ledger.episode("last")
    play(0, 1)
    with pytest.raises(LedgerError, match="no episode 99; the last one is 2"):
        ledger.episode(99)


def test_an_episode_has_an_outcome_or_an_error() -> None:
    with pytest.raises(ValueError, match="never both"):
        make_episode(success=None)
    with pytest.raises(ValueError, match="never both"):
        make_episode(success=True, error="crash")


def test_a_second_finisher_keeps_the_first(ledger: Ledger, audit: int) -> None:
    first = ledger.record(audit, 0, make_episode(0, success=True, worker="gw0"))
    assert ledger.record(audit, 0, make_episode(0, success=False, worker="gw1")) == first
    assert ledger.prefix(audit) == [True]
    assert [stored.record.worker for stored in ledger.episodes(audit)] == ["gw0"]


def test_errors_are_tries_that_count_for_nothing(ledger: Ledger, audit: int) -> None:
    ledger.record(audit, 0, make_episode(0, success=None, error="EGL lost"))
    assert ledger.prefix(audit) == []
    ledger.record(audit, 0, make_episode(0, success=True))
    ledger.record(audit, 0, make_episode(0, success=None, error="too late"))
    assert ledger.prefix(audit) == [True]
    tries = ledger.attempts(audit, 0)
    assert [(stored.attempt, stored.record.success, stored.record.error) for stored in tries] == [
        (1, None, "EGL lost"),
        (2, True, None),
        (3, None, "too late"),
    ]


def test_only_the_contiguous_prefix_counts(ledger: Ledger, audit: int, play: Play) -> None:
    play(0, 1, 4, 2, 6)
    assert ledger.prefix(audit) == [False, True, True]
    assert ledger.outcomes(audit) == {0: False, 1: True, 2: True, 4: True, 6: False}
    play(3)
    assert ledger.prefix(audit) == [False, True, True, False, True]
    play(5)
    assert ledger.prefix(audit) == [False, True, True, False, True, True, False]


def test_the_prefix_sees_what_others_record_and_cannot_be_changed_from_outside(
    ledger: Ledger, audit: int, path: Path, play: Play
) -> None:
    play(0)
    ledger.prefix(audit).append(True)
    with Ledger.open(path) as other:
        join(other, "run-1")
        other.record(audit, 1, make_episode(1))
    assert ledger.prefix(audit) == [False, True]


def test_the_prefix_of_a_full_cell_is_read_in_a_moment(ledger: Ledger, audit: int, path: Path) -> None:
    for position in range(1600):
        ledger.record(audit, position, make_episode(position))
    ledger.prefix(audit)
    began = time.process_time()
    for _ in range(100):
        assert len(ledger.prefix(audit)) == 1600
    assert (time.process_time() - began) / 100 < 0.005  # 18 µs on an idle core
    with Ledger.open(path) as other:
        began = time.process_time()
        assert len(other.prefix(audit)) == 1600
        assert time.process_time() - began < 0.2  # 2 ms on an idle core


def test_an_audit_must_be_opened_before_it_is_played(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="audit 5 must be opened"):
        ledger.record(5, 0, make_episode())


def test_provenance_is_stored_once(ledger: Ledger, audit: int, play: Play) -> None:
    play(0, 1, 2)
    ledger.record(audit, 3, make_episode(3, provenance={"mujoco": "3.3.6"}))
    with ledger._connection.reading("counting") as database:
        assert database.execute("SELECT count(*) FROM provenance").fetchone() == (2,)
    assert [dict(stored.record.provenance)["mujoco"] for stored in ledger.episodes(audit)] == ["3.3.7"] * 3 + ["3.3.6"]


def test_a_conclusion_comes_back_and_the_first_one_stands(ledger: Ledger, audit: int) -> None:
    assert ledger.conclusion(audit) is None
    conclusion = make_conclusion(log_pass=float("inf"))
    assert ledger.close_audit(audit, conclusion) == conclusion
    assert ledger.close_audit(audit, make_conclusion(outcome="fail")) == conclusion
    assert ledger.conclusion(audit) == conclusion
    assert [stored.conclusion for stored in ledger.audits("run-1")] == [conclusion]


def test_a_conclusion_without_baseline_is_recorded(ledger: Ledger, audit: int) -> None:
    conclusion = make_conclusion(outcome="error", baseline=None, notes=("the simulator crashed",))
    assert ledger.close_audit(audit, conclusion) == conclusion


@pytest.mark.parametrize(
    "notes", [("[one] sentence",), ('[{"loc": 1}]',), ("a sentence", Note.of("share", share="1/2", total=60)), ()]
)
def test_notes_come_back_from_the_ledger(ledger: Ledger, audit: int, notes: Notes) -> None:
    ledger.close_audit(audit, make_conclusion(notes=notes))
    stored = ledger.conclusion(audit)
    assert stored is not None
    assert stored.notes == notes


def test_runs_tell_whether_they_ended(ledger: Ledger, audit: int) -> None:
    join(ledger, "run-2")
    ledger.end_run("run-1", 1)
    first, second = ledger.runs()
    assert (first.run, first.command, first.exitstatus) == ("run-1", "pytest suites", 1)
    assert first.versions == {"pytest-robustplus": "0.1.0"}
    assert first.ended is not None
    assert first.ended >= first.started
    assert (second.run, second.ended, second.exitstatus) == ("run-2", None, None)


def test_history_is_one_cell_through_all_runs(ledger: Ledger, audit: int) -> None:
    ledger.close_audit(audit, make_conclusion())
    other = join(ledger, "run-1", type(KEY)(**{**{n: getattr(KEY, n) for n in KEY.__slots__}, "dimension": "robot"}))
    second = join(ledger, "run-2")
    cell = ledger.history("pi05", "libero_plus", "camera")
    assert [(stored.run, stored.id, stored.conclusion is None) for stored in cell] == [
        ("run-1", audit, False),
        ("run-2", second, True),
    ]
    assert cell[0].key == KEY
    assert cell[0].total == TOTAL
    assert {stored.id for stored in ledger.audits()} == {audit, other, second}
    assert ledger.audit(second) == cell[1]
    with pytest.raises(LedgerError, match="no audit 99"):
        ledger.audit(99)
    assert [stored.id for stored in ledger.audits("run-2")] == [second]


def test_the_latest_outcome_of_a_check_counts_in_its_run(ledger: Ledger, audit: int) -> None:
    join(ledger, "run-2")
    ledger.record_check("run-1", "pi05", "libero_plus", "renderer", False, "no EGL")
    ledger.record_check("run-1", "pi05", "libero_plus", "gripper", False, "sign")
    ledger.record_check("run-1", "pi05", "libero_plus", "gripper", True, "")
    gripper, renderer = ledger.checks("run-1", "pi05", "libero_plus")
    assert (gripper.check, gripper.passed, gripper.detail) == ("gripper", True, "")
    assert (renderer.check, renderer.passed, renderer.detail) == ("renderer", False, "no EGL")
    assert ledger.checks("run-2", "pi05", "libero_plus") == []
    assert ledger.checks("run-1", "oft", "libero_plus") == []


def test_a_conclusion_of_an_earlier_release_that_names_no_margin_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as ledger:
        audit = join(ledger, "run")
        ledger.close_audit(audit, make_conclusion(outcome="error", baseline=None, margin=0.0, notes=("crashed",)))
        (stored,) = ledger.audits()
    with closing(sqlite3.connect(path)) as database, database:
        database.create_function(CHECKSUM, -1, checksum, deterministic=True)
        database.execute("UPDATE part SET margin = NULL, reason = '', baseline_source = ''")
    with Ledger.open(path) as ledger:
        (again,) = ledger.audits()
    assert stored.conclusion is not None
    assert again.conclusion == replace(stored.conclusion, notes=(), source="")
