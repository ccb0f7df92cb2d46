"""The page of a run that is over, from its ledger alone."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.schema import CHECKSUM, checksum
from pytest_robustplus.results.findings import Findings
from pytest_robustplus.results.fuzzing import FuzzReport

# What differs between the page of a run and the same page made later: how to replay, the numbers of the run's end.
_COMMAND = re.compile(r"<code>pytest [^<]*--robust-replay[^<]*</code>")


def body(page: Path) -> str:
    return _COMMAND.sub("replay", page.read_text(encoding="utf-8"))


def play(toy: pytest.Pytester, *more: str) -> None:
    toy.runpytest(
        "--robust-model=steady,weak", "--robust-perturbation=camera,light", "--robust-ledger=l.sqlite", *more
    ).assert_outcomes(passed=1, failed=1, skipped=2)


def test_the_page_afterwards_is_the_page_of_the_run(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")
    play(toy, "--robust-html=then.html")
    # Another run later changes nothing of it, in its history neither.
    toy.runpytest("--robust-model=strong", "--robust-perturbation=noise", "--robust-ledger=l.sqlite")
    toy.runpytest("--robust-model=weak", "--robust-perturbation=camera", "--robust-ledger=l.sqlite", "--robust-fresh")
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        first, *_, last = ledger.runs()
    result = toy.runpytest("--robust-page=l.sqlite", f"--robust-run={first.run[:12]}")
    result.stdout.fnmatch_lines(["written: *robustness.html"])
    assert body(toy.path / "robustness.html") == body(toy.path / "then.html")
    # Without a name it is the last one, by its date too.
    for chosen in ((), (f"--robust-run={last.started[:10]}",)):
        toy.runpytest("--robust-page=l.sqlite", "--robust-html=sub/last.html", *chosen)
        assert "holds on 0 of 1; lost camera" in (toy.path / "sub" / "last.html").read_text()


def test_a_run_that_left_no_findings_shows_its_conclusions(toy: pytest.Pytester) -> None:
    play(toy)
    with closing(sqlite3.connect(toy.path / "l.sqlite")) as database:
        database.create_function(CHECKSUM, -1, checksum, deterministic=True)
        database.execute("DELETE FROM findings")
        database.commit()
    toy.runpytest("--robust-page=l.sqlite").stdout.fnmatch_lines(["written: *"])
    page = (toy.path / "robustness.html").read_text()
    assert "steady on Toy Table: holds on 1 of 1" in page
    assert "weak on Toy Table: holds on 0 of 1; lost camera" in page
    assert "of several questions only the strictest is known" in page


def test_the_searches_of_an_earlier_release_are_read_under_their_name_then() -> None:
    found = Findings(searches=(FuzzReport("m", "b", "camera", "fail", 1.0, 0.5, 2, 0, 9, mildest="Camera(yaw=3)"),))
    document = json.loads(json.dumps(found.to_json()))
    document["hunts"] = document.pop("searches")
    assert Findings.read(document) == found


def test_what_cannot_be_shown_is_told_in_one_sentence(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-page=nowhere.sqlite")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    play(toy)
    result = toy.runpytest("--robust-page=l.sqlite", "--robust-run=abcdef")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *run*abcdef*"])
