"""One owner of all open cells: several are at play at once, and what comes of each is what one simulator would say."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_samples import join, make_episode

from pytest_robustplus.errors import LedgerError
from pytest_robustplus.evaluation.audit import Audit
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.results.cell import CellReport

Facts = dict[tuple[object, ...], tuple[object, ...]]
MODELS = ["--robust-model=steady", "--robust-model=weak"]


def played(path: Path) -> tuple[Facts, Facts]:
    """Conclusions by cell, and what came of each position before the verdict."""
    with Ledger.open(path, create=False) as ledger:
        audits = {(a.key.model, a.key.dimension): a for a in ledger.audits() if a.conclusion is not None}
        found: Facts = {
            key: (a.conclusion.outcome, a.conclusion.played, a.conclusion.successes)
            for key, a in audits.items()
            if a.conclusion
        }
        episodes: Facts = {
            (*key, e.position): (e.record.task, e.record.success, e.record.state_hash)
            for key, a in audits.items()
            for e in ledger.episodes(a.id)
            if a.conclusion and e.position < a.conclusion.played
        }
        return found, episodes


def test_a_pool_plays_several_cells_at_once_with_the_same_verdicts(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.runpytest(*MODELS, "--robust-ledger=one.sqlite", "-n0")
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    result = toy.runpytest(*MODELS, "--robust-ledger=pool.sqlite", "--robust-simulators=4", "-n0")
    result.assert_outcomes(passed=2, failed=2)
    assert played(toy.path / "pool.sqlite") == played(toy.path / "one.sqlite")
    database = sqlite3.connect(toy.path / "pool.sqlite")
    rows = database.execute(
        """SELECT min(started), concluded FROM episode JOIN part ON part.audit = episode.audit
        JOIN audit ON audit.id = part.audit WHERE model = 'steady' GROUP BY part.audit ORDER BY part.audit"""
    ).fetchall()
    assert rows[1][0] < rows[0][1], "the second cell begins before the first one is decided"
    assert database.execute("SELECT count(*) FROM claim").fetchone() == (0,)
    database.close()


def test_what_is_claimed_ahead_for_a_cell_is_played_once_its_item_runs(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_robustplus.evaluation.players.LocalPlayers.block", 8, raising=False)
    monkeypatch.setattr("pytest_robustplus.evaluation.players.LocalPlayers.__setattr__", but_for("block"))
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    # The second cell is over before its item runs, and then nobody has looked at what is open when the third begins.
    cells = ["--robust-perturbation=original,camera,noise", "--robust-budget=30,camera=3"]
    result = toy.runpytest(MODELS[0], *cells, "--robust-simulators=4", "--robust-baseline=none", "-n0")
    result.assert_outcomes(skipped=3)


def but_for(name: str) -> Callable[[object, str, object], None]:
    """An attribute that stays as it is, whoever sets it."""
    return lambda this, key, value: None if key == name else object.__setattr__(this, key, value)


def test_what_is_written_together_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        audit = join(ledger, "run-1")
        with pytest.raises(LedgerError, match="constraint"):
            record(ledger, audit, 0, -1)
        assert sorted(ledger.outcomes(audit)) == [0], "what came before the fault stays, of the fault nothing"
        record(ledger, audit, 1, 2)
        assert sorted(ledger.outcomes(audit)) == [0, 1, 2]


def record(ledger: Ledger, audit: int, *positions: int) -> None:
    with ledger.together():
        for position in positions:
            ledger.record(audit, position, make_episode(abs(position)))


def test_others_may_finish_the_last_episode_between_two_looks(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Audit, "_decided", Audit._decided)  # what the conftest puts there goes with this test
    toy.makeconftest(
        """
        from toy import pytest_robustplus_benchmarks, pytest_robustplus_models
        from pytest_robustplus.evaluation.audit import Audit

        decided, late = Audit._decided, set()

        def before_the_last_was_known(audit):
            found = decided(audit)
            if found is None or id(audit) in late:
                return found
            late.add(id(audit))

        Audit._decided = before_the_last_was_known
        """
    )
    chosen = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-baseline=none"]
    toy.runpytest(*chosen).assert_outcomes(skipped=1)


def test_a_pool_opens_the_next_model_where_simulators_would_idle(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One episode of the first model ends only once the second model's policy has been asked."""
    gate, deaths = toy.path / "gate", toy.path / "deaths"
    deaths.write_text("2 left/camera_0 gate")
    monkeypatch.setenv("TOY_GATE", str(gate))
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    toy.makepyfile(
        opening=f"""
        from pathlib import Path
        from toy import Steady

        class Opening(Steady):
            def __init__(self):
                super().__init__(0.4)

            def act(self, observations):
                Path({str(gate)!r}).touch()
                return super().act(observations)
        """
    )
    models = ["--robust-model=steady,python:opening:Opening", "--robust-perturbation=camera", "--robust-baseline=none"]
    result = toy.runpytest(
        *models, "--robust-simulators=2", "--robust-ledger=l.sqlite", "--robust-episode-limit=120", "-n0"
    )
    result.assert_outcomes(skipped=2)
    conclusions, _ = played(toy.path / "l.sqlite")
    assert sorted(found[1:] for found in conclusions.values()) == [(60, 24), (60, 48)]


def test_simulators_play_on_while_a_cell_is_reported(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first cell's report waits for an episode of the second that cannot end before."""
    deaths = toy.path / "deaths"
    deaths.write_text("1 left/noise_0 gate")
    monkeypatch.setenv("TOY_GATE", str(toy.path / "gate"))
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    report = Audit._report

    def late(audit: Audit, *given: Any) -> CellReport:
        (toy.path / "gate").touch()
        ledger, until = audit._session.ledger, time.monotonic() + 120
        while time.monotonic() < until:
            if any(e.record.task == "left/noise_0" for one in ledger.audits() for e in ledger.episodes(one.id)):
                return report(audit, *given)
            time.sleep(0.01)
        raise AssertionError("nothing is played meanwhile")

    monkeypatch.setattr(Audit, "_report", late)
    chosen = [MODELS[0], "--robust-perturbation=camera,noise", "--robust-baseline=none", "--robust-budget=60,camera=10"]
    toy.runpytest(*chosen, "--robust-simulators=2", "-n0").assert_outcomes(skipped=2)


def test_what_is_recorded_is_judged_beside_a_pool(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = [MODELS[1], "--robust-perturbation=camera", "--robust-baseline=none", "--robust-accept=weak.toml"]
    toy.runpytest(*accept).assert_outcomes(skipped=1)
    monkeypatch.setenv("TOY_SECONDS", "0.02")
    models = ["--robust-model=strong,recorded:weak.toml,steady", "--robust-budget=12", *accept[1:3]]
    toy.runpytest(*models, "--robust-simulators=3", "-n0").assert_outcomes(skipped=3)


def test_a_policy_is_freed_once_nothing_is_asked_about_its_model(toy: pytest.Pytester) -> None:
    """Two large ones may not find room side by side, so the first is gone before the second is loaded."""
    toy.makepyfile(
        noting="""
        from pathlib import Path
        from toy import Steady

        class First(Steady):
            def __init__(self):
                super().__init__(0.4)
                self.note("loaded")

            def note(self, what):
                with Path("noted").open("a") as file:
                    file.write(f"{type(self).__name__} {what}\\n")

            def close(self):
                self.note("freed")

        class Second(First):
            pass
        """
    )
    models = ["--robust-model=python:noting:First,python:noting:Second", "--robust-perturbation=camera"]
    options = ["--robust-baseline=none", "--robust-budget=4", "--robust-ablation=language", "-n0"]
    for spread in [], ["--robust-simulators=2"]:
        (toy.path / "noted").unlink(missing_ok=True)
        toy.runpytest(*models, *options, *spread).assert_outcomes(skipped=2)
        noted = (toy.path / "noted").read_text().splitlines()
        assert sorted(noted) == ["First freed", "First loaded", "Second freed", "Second loaded"]
        if not spread:
            assert noted[:2] == ["First loaded", "First freed"]
