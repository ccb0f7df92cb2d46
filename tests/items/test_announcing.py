"""Plugins are told of episodes, cells and the run once each, however work is spread; what they raise costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_robustplus import load_run
from pytest_robustplus.ledger import Ledger

LISTENER = """
import dataclasses, json, os, time

def told(kind, **facts):
    with open("told.jsonl", "a") as file:
        file.write(json.dumps({"kind": kind, "pid": os.getpid(), **facts}, default=str) + "\\n")

def pytest_robustplus_episode(episode):
    told("episode", **dataclasses.asdict(episode))

def pytest_robustplus_cell(config, cell):
    told("cell", root=str(config.rootpath), **dataclasses.asdict(cell))

def pytest_robustplus_run(run):
    told("run", id=run.run, episodes=len(run.episodes), cells=run.cells.dicts(), files=run.files)
"""
BOTH = "--robust-model=steady,weak"


@pytest.fixture
def listening(toy: pytest.Pytester) -> pytest.Pytester:
    """The project with a conftest that notes what it is told."""
    toy.makeconftest(f"from toy import pytest_robustplus_benchmarks, pytest_robustplus_models\n{LISTENER}")
    return toy


def heard(folder: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"episode": [], "cell": [], "run": []}
    lines = (folder / "told.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        found[line.pop("kind")].append(line)
    assert json.loads(lines[-1])["kind"] == "run"
    return found


@pytest.mark.everywhere
def test_each_is_told_once_by_the_process_that_reports(listening: pytest.Pytester) -> None:
    listening.runpytest(BOTH, "--robust-ledger=l.sqlite", "--robust-json=r.json")
    found = heard(listening.path)
    with Ledger.open(listening.path / "l.sqlite") as ledger:
        recorded = [e.id for audit in ledger.audits() for e in ledger.episodes(audit.id)]
    assert sorted(e["id"] for e in found["episode"]) == sorted(recorded)
    assert sorted((c["model"], c["dimension"], c["state"]) for c in found["cell"]) == [
        *[("steady", dimension, "pass") for dimension in ("camera", "noise")],
        *[("weak", dimension, "fail") for dimension in ("camera", "noise")],
    ]
    (run,) = found["run"]
    assert run["episodes"] == len(recorded)
    assert [Path(file).name for file in run["files"]] == ["r.json"]
    assert len({event["pid"] for kind in found.values() for event in kind}) == 1


def test_a_resumed_run_tells_of_what_it_takes_over(listening: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setenv("TOY_SECONDS", "0.05")
    command = [sys.executable, "-m", "pytest", "--robust-model=steady", "--robust-baseline=none"]
    command += ["--robust-ledger=l.sqlite", "--robust-perturbation=camera"]
    with subprocess.Popen(command, cwd=listening.path, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 60
        while not (listening.path / "told.jsonl").exists() and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    before = [json.loads(line) for line in (listening.path / "told.jsonl").read_text().splitlines()]
    assert before
    assert {line["kind"] for line in before} == {"episode"}, "told while the cell is being played"
    (listening.path / "told.jsonl").unlink()
    monkeypatch.setenv("TOY_SECONDS", "0")
    subprocess.run(command, cwd=listening.path, stdout=subprocess.DEVNULL, check=False)
    found = heard(listening.path)
    ids = [episode["id"] for episode in found["episode"]]
    assert sorted(ids) == list(range(1, 61))
    resumed = {episode["id"] for episode in found["episode"] if episode["resumed"]}
    assert resumed >= {episode["id"] for episode in before}
    assert found["cell"][0]["resumed"] == len(resumed)


def test_a_cell_that_is_asked_about_twice_or_that_cannot_be_played_is_told_once(listening: pytest.Pytester) -> None:
    second = "\n@pytest.mark.robustness('toy')\ndef test_again(cell):\n    assert cell.not_worse_than(cell.baseline)\n"
    from toy import SUITE

    listening.makepyfile(test_suite=SUITE + second)
    listening.runpytest("--robust-model=steady", "--robust-perturbation=camera,light")
    found = heard(listening.path)
    assert Counter(cell["dimension"] for cell in found["cell"]) == {"camera": 1, "light": 1}
    states = {cell["dimension"]: (cell["state"], cell["rate"]) for cell in found["cell"]}
    assert states["light"] == ("skipped", None)
    assert len({episode["id"] for episode in found["episode"]}) == len(found["episode"])


@pytest.mark.parametrize("error", ["ValueError('the tracker is down')", "SystemExit(3)"])
def test_what_a_hook_raises_costs_nothing(listening: pytest.Pytester, error: str) -> None:
    raising = "\n".join(f"def pytest_robustplus_{kind}():\n    raise {error}" for kind in ("episode", "cell", "run"))
    listening.syspathinsert()
    listening.makepyfile(broken=raising)
    options = ("-pbroken", "--robust-model=steady", "--robust-perturbation=camera")
    result = listening.runpytest(*options, "--robust-json=r.json")
    assert result.ret == 0
    for kind in ("episode", "cell", "run"):
        result.stdout.fnmatch_lines([f"pytest_robustplus_{kind} of broken raised *broken.py*not affected."])
    assert json.loads((listening.path / "r.json").read_text())["cells"][0]["state"] == "pass"
    assert {kind: bool(events) for kind, events in heard(listening.path).items()} == {
        "episode": True,
        "cell": True,
        "run": True,
    }


@pytest.mark.parametrize("kind", ["episode", "cell", "run"])
def test_a_hook_that_hangs_ends(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Also where the process that plays would have called it: at the end of a run that took less than a look."""
    from pytest_robustplus.reporting import announcing

    monkeypatch.setattr(announcing, "HOOK_LIMIT_S", 0.3)
    toy.syspathinsert()
    toy.makepyfile(hung=f"import time\ndef pytest_robustplus_{kind}():\n    time.sleep(3600)\n")
    result = toy.runpytest_inprocess("-phung", "--robust-model=steady", "--robust-perturbation=camera")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["A hook has not returned for 0 s, so nobody is told any more. The results are not*"])


def test_what_a_hook_raises_while_nobody_waits_does_not_end_the_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_robustplus.reporting import announcing

    asked = threading.Event()

    def interrupted(*_: object, **__: object) -> None:
        asked.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(announcing, "POLL_EVERY_S", 0.01)
    monkeypatch.setattr(announcing.Announcer, "_look", interrupted)
    monkeypatch.setattr(announcing.Announcer, "_heard", lambda *_: True)
    announcer = announcing.Announcer(cast(Any, SimpleNamespace()), dict, list)
    with announcer.watching():
        assert asked.wait(60)
        told = threading.Thread(target=announcer._have_told, args=(lambda: None,), daemon=True)
        told.start()
        told.join(60)
        assert not told.is_alive()
    announcer._jobs.put(None)


def test_runs_are_read_back_from_ledger_and_document_alike(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_EVENTS", "1")
    options = ("--robust-ledger=l.sqlite", "--robust-json=r.json", "--robust-csv=r.csv")
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera,light", "--robust-ledger=l.sqlite")
    toy.runpytest("--robust-model=weak", "--robust-perturbation=camera,light", *options)
    document, ledger = load_run(toy.path / "r.json"), load_run(toy.path / "l.sqlite")
    assert document.cells.dicts() == ledger.cells.dicts()
    played = ledger.cells[0]
    assert (played.state, document.cells[1].state, document.cells[1].rate) == ("fail", "skipped", None)
    assert (document.run, document.started) == (ledger.run, ledger.started)
    assert len(ledger.episodes) >= (played.played or 0)
    table = document.cells.to_pandas()
    assert list(table.columns) == list(document.cells.dicts()[0])
    assert table["rate"].notna().tolist() == [True, False]
    assert all(bool(one.failure) != one.success for one in ledger.episodes)
    assert {one.progress for one in ledger.episodes if one.success} == {1.0}
    episodes = ledger.episodes.to_pandas().sort_values("position").head(played.played)
    assert episodes["success"].sum() == played.successes
    head, first, second = (toy.path / "r.csv").read_text().splitlines()
    assert head.startswith("model,benchmark,dimension,state,rate,low,high,successes")
    assert first.startswith("weak,toy,camera,fail,0.")
    assert second.startswith("weak,toy,light,skipped,,")
    with Ledger.open(toy.path / "l.sqlite") as opened:
        first_run = opened.runs()[0].run
    assert load_run(toy.path / "l.sqlite", first_run[:8]).cells[0].model == "steady"
