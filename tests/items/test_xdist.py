"""Spreading a run over workers changes how soon it is done, and nothing that it says."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from toy import PREFLIGHT, SUITE

from pytest_robustplus.ledger import Ledger

pytestmark = pytest.mark.own_spread

# A worker with nothing to do looks for something five times a second, and a busy machine takes seconds.
PAUSE_S = 4.0
ARGUMENTS = ["--robust-model=steady,weak", "--robust-perturbation=camera", "-rA"]


def test_who_plays_changes_nothing(toy: pytest.Pytester) -> None:
    """Same ids, verdicts, episodes that count and final states: with 0 to 4 workers, no xdist, and in a pool."""
    toy.makepyfile(test_zz_preflight=PREFLIGHT)
    found = {}
    pool = "--robust-simulators=2"
    for number, spread in enumerate([["-p", "no:xdist"], ["-n0"], ["-n1"], ["-n2"], ["-n4"], ["-n0", pool]]):
        name = f"l{number}.sqlite"
        result = toy.runpytest(*ARGUMENTS, *spread, f"--robust-ledger={name}")
        counted = result.parseoutcomes()
        counted.pop("deselected", None)
        ids = sorted(line for line in result.outlines if re.match(r"(PASSED|FAILED|SKIPPED|ERROR) ", line))
        with Ledger.open(toy.path / name, create=False) as ledger:
            cells = {}
            for audit in ledger.audits():
                assert audit.conclusion is not None
                episodes = [e for e in ledger.episodes(audit.id) if e.position < audit.conclusion.played]
                counts = [(e.position, e.record.task, e.record.success, e.record.state_hash) for e in episodes]
                cells[audit.key.model] = (audit.conclusion.outcome, audit.conclusion.log_pass, counts)
            assert [run.exitstatus for run in ledger.runs()] == [1]
        if pool in spread:
            # A pool has one check more a model, which says whether the policy keeps its episodes apart.
            own = [line for line in ids if "interleaving" in line]
            ids, counted["passed"] = [line for line in ids if line not in own], counted["passed"] - len(own)
        found[" ".join(spread)] = (counted, ids, cells)
    expected = found.pop("-p no:xdist")
    assert expected[0] == {"passed": 3, "failed": 1, "skipped": 2}
    for how, other in found.items():
        assert other == expected, how


def test_a_worker_that_cannot_help_says_why_and_leaves_the_verdict_alone(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This very test's, which a worker that has run none would inherit.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    toy.makepyfile(
        frail="""
        import os
        import time
        from pathlib import Path
        from toy import Steady

        TRIED = Path(__file__).with_name("tried")

        class Frail(Steady):
            def __init__(self):
                super().__init__(0.8)
                # A worker that has run no test inherits the name of this one.
                if "test_suite.py" not in os.environ.get("PYTEST_CURRENT_TEST", ""):  # no test runs: it is to help
                    TRIED.touch()
                    raise RuntimeError("CUDA error: out of memory")

            def act(self, observations):
                end = time.monotonic() + 60  # a worker that starts late finds work to help with, too
                while not TRIED.exists() and time.monotonic() < end:
                    time.sleep(0.05)
                return super().act(observations)
        """
    )
    only = ["--robust-model=steady", "--robust-policy=python:frail:Frail", "--robust-perturbation=camera"]
    result = toy.runpytest(*only, "-n2")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["1 worker could not help: *CUDA error: out of memory*"])


def test_a_test_that_does_not_audit_is_reported_once(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.robustness("toy")
        def test_has_tasks(cell):
            assert cell.tasks()
        """
    )
    result = toy.runpytest("--robust-model=steady", "-n2")
    assert result.parseoutcomes() == {"passed": 2}


@pytest.mark.parametrize(
    ("workers", "how", "dimensions"),
    [
        (2, ["--dist=load"], "camera"),
        (2, ["--dist=worksteal"], "camera"),
        (3, ["--dist=load"], "camera noise"),
        (3, ["--dist=loadfile"], "camera noise original"),
        (2, ["--dist=loadscope", "--robust-simulators=2"], "camera noise"),
        (2, ["--dist=loadgroup", "--robust-ablation=language"], "camera"),
    ],
)
def test_no_worker_idles_while_an_episode_is_free(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: int, how: list[str], dimensions: str
) -> None:
    """Every episode is played in the end, so any that began after a pause of some worker was free in that pause."""
    monkeypatch.setenv("TOY_SECONDS", "0.1")
    toy.makeini(toy.path.joinpath("tox.ini").read_text().replace("camera noise", dimensions))
    spread = [f"-n{workers}", *how, "--robust-baseline=none", "--robust-budget=12", "--robust-ledger=l.sqlite"]
    result = toy.runpytest("--robust-model=weak", *spread)
    result.assert_outcomes(skipped=len(dimensions.split()))
    played: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        audits = {audit.id for audit in ledger.audits()}
        assert len(audits) == len(dimensions.split()) + ("--robust-ablation=language" in how)
        for record in (episode.record for audit in audits for episode in ledger.episodes(audit)):
            began = datetime.fromisoformat(record.started).timestamp()
            played[record.worker].append((began, began + record.wall_s))
    assert len(played) == workers, "all of them played"
    assert sum(map(len, played.values())) == 12 * len(audits)
    last = max(began for episodes in played.values() for began, _ in episodes)
    for episodes in played.values():
        ends = sorted(end for _, end in episodes)
        begins = sorted(began for began, _ in episodes)
        pauses = [next((b for b in begins if b >= end), last) - end for end in ends if end < last]
        at_play = [sum(b <= end < e for b, e in episodes) for end in ends if end < last]
        # A worker that plays another episode beside the one that ended does not pause.
        assert max([0.0, *(p for p, n in zip(pauses, at_play, strict=True) if not n)]) < PAUSE_S


@pytest.mark.parametrize("how", ["load", "worksteal", "loadfile", "loadscope", "loadgroup"])
def test_a_cell_that_kills_its_workers_ends_as_an_error_whoever_schedules(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    deaths = tmp_path / "deaths"
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    deaths.write_text("1 left/camera_0 SIGKILL")
    every = ["--robust-model=steady", "--robust-baseline=none", "-n2", f"--dist={how}"]
    # Whether the first to play it was the one that reports the cell is chance; both cells are decided all the same.
    once = toy.runpytest(*every)
    once.assert_outcomes(skipped=2)
    assert "INTERNALERROR" not in once.stdout.str()
    deaths.write_text("99 left/camera_0 SIGKILL")
    always = toy.runpytest(*every, "--robust-fresh")
    always.assert_outcomes(skipped=1, errors=1)
    assert always.ret == pytest.ExitCode.TESTS_FAILED
    assert deaths.read_text() == "97 left/camera_0 SIGKILL"


@pytest.mark.parametrize("how", ["load", "loadfile"])
def test_a_check_that_kills_its_worker_stops_its_own_model_alone(toy: pytest.Pytester, how: str) -> None:
    """The other model's name is the end of this one's."""
    toy.makeconftest(
        """
        import os, signal
        from dataclasses import replace
        from toy import Toy, card
        from pytest_robustplus.benchmarks.contract import Check

        def deadly(context):
            if context.policy.policy.checkpoint == "steady-1.0":
                os.kill(os.getpid(), signal.SIGKILL)
            return "lives"

        class Deadly(Toy):
            def checks(self):
                return (Check("deadly", deadly),)

        def pytest_robustplus_models():
            deadly, harmless = card("dreamzero", policy="expert"), card("zero", policy="demo_replay")
            return [replace(each, baseline="steady") for each in (deadly, harmless)]

        def pytest_robustplus_benchmarks(settings):
            return [Deadly(settings.protocol)]
        """
    )
    toy.makepyfile(test_suite=SUITE + PREFLIGHT)
    result = toy.runpytest("--robust-model=dreamzero,zero", "-n2", f"--dist={how}", "-rs")
    result.assert_outcomes(passed=3, skipped=2, errors=1)
    assert "INTERNALERROR" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*not played: pre-flight check deadly failed: The worker that ran it died.*"])


def test_a_cell_does_not_wait_for_a_check_that_waits_for_it(toy: pytest.Pytester) -> None:
    """One in the queue of its own worker, or the last one that pytest-xdist has given to another."""
    toy.makeconftest(
        """
        import pytest
        from pytest_robustplus.items import preflight
        from toy import pytest_robustplus_benchmarks, pytest_robustplus_models

        preflight.CHECKS_S, preflight.UNBEGUN_S = 3600.0, 0.5

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.reverse()
        """
    )
    toy.makepyfile(test_suite=PREFLIGHT + SUITE)
    result = toy.runpytest_subprocess("--robust-model=steady", "--robust-perturbation=camera", "-n1", timeout=120)
    result.assert_outcomes(passed=2, skipped=1)


def test_a_cell_is_red_when_its_workers_die_whatever_its_folder_is_called(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaths = tmp_path / "deaths"
    monkeypatch.setenv("TOY_DEATHS", str(deaths))
    deaths.write_text("1 left/camera_0 SIGKILL")
    junit = ["--junitxml=once.xml", "--robust-baseline=none", "-n1"]
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera", *junit).assert_outcomes(skipped=1)
    assert (toy.path / "once.xml").read_text().count("<testcase") == 1, "the death is no passed test"
    deaths.write_text("99 left/camera_0 SIGKILL")
    folder = toy.mkdir("eval-helpers")
    toy.path.joinpath("test_suite.py").rename(folder / "test_suite.py")
    result = toy.runpytest("--robust-model=steady", "--robust-perturbation=camera", "--robust-baseline=none", "-n1")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("spread", ["-n0", "-n2"])
def test_a_failure_that_is_run_again_is_one_verdict(toy: pytest.Pytester, spread: str) -> None:
    """As pytest-rerunfailures does with --reruns=1."""
    toy.makeconftest(
        """
        from _pytest.runner import runtestprotocol
        from toy import pytest_robustplus_benchmarks, pytest_robustplus_models

        def pytest_runtest_protocol(item, nextitem):
            for last in (False, True):
                item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
                again = not last and any(report.failed for report in reports)
                for report in reports:
                    if again and report.failed:
                        report.outcome = "rerun"
                    item.ihook.pytest_runtest_logreport(report=report)
                item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
                if not again:
                    return True
                item._initrequest()
        """
    )
    options = [
        "--robust-model=weak,strong",
        "--robust-perturbation=camera",
        "--robust-json=run.json",
        "--junitxml=j.xml",
    ]
    result = toy.runpytest(*options, spread)
    assert result.parseoutcomes() == {"failed": 1, "passed": 1, "rerun": 1}
    told = "asked again in this run and answered from its record: one verdict, nothing was played again"
    result.stdout.fnmatch_lines([f"  note *{told}*", f"*weak, camera: {told}.*"])
    cells = {cell["model"]: cell for cell in json.loads((toy.path / "run.json").read_text())["cells"]}
    assert told in cells["weak"]["notes"]
    assert told not in cells["strong"]["notes"]
    suite = ElementTree.parse(toy.path / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    weak, strong = sorted(suite.iter("testcase"), key=lambda case: case.find("failure") is None)
    assert weak.find("failure") is not None
    assert [property.get("value") for property in weak.iter("property") if told in str(property.get("value"))]
    assert not [property for property in strong.iter("property") if told in str(property.get("value"))]


@pytest.mark.parametrize("spread", ["-n0", "-n2"])
def test_a_plugin_that_repeats_tests_invents_no_cells(toy: pytest.Pytester, spread: str) -> None:
    """As pytest-repeat does with --count=2."""
    toy.makeconftest(
        """
        import pytest
        from toy import pytest_robustplus_benchmarks, pytest_robustplus_models

        @pytest.fixture
        def step():
            pass

        def pytest_generate_tests(metafunc):
            metafunc.fixturenames.append("step")
            metafunc.parametrize("step", range(2), indirect=True, ids=lambda number: f"{number + 1}-2")
        """
    )
    result = toy.runpytest("--robust-model=strong", spread, "--robust-json=run.json", "--robust-accept", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["* episodes decided what 120 would have said: *"])
    cells = json.loads((toy.path / "run.json").read_text())["cells"]
    assert sorted((cell["model"], cell["dimension"]) for cell in cells) == [("strong", "camera"), ("strong", "noise")]
    assert (toy.path / "baselines" / "strong.toml").is_file()


def test_the_simulator_gives_the_same_bits_on_any_worker(pytester: pytest.Pytester) -> None:
    """Played alone or by two workers, an episode ends in the same state of the simulator."""
    pytester.makepyfile(test_suite=SUITE.replace("toy", "libero-plus"))
    chosen = ["--robust-model=demo_replay", "--robust-suite=libero_object", "--robust-perturbation=robot"]
    arguments = [*chosen, "--robust-baseline=none", "--robust-budget=3"]

    def play(name: str, *spread: str) -> list[tuple[str, bool | None, str | None]]:
        result = pytester.runpytest_subprocess(*arguments, f"--robust-ledger={name}", *spread)
        result.assert_outcomes(skipped=1)
        with Ledger.open(pytester.path / name, create=False) as ledger:
            (audit,) = {audit.id for audit in ledger.audits()}
            return [(e.record.task, e.record.success, e.record.state_hash) for e in ledger.episodes(audit)]

    alone = play("alone.sqlite", "-n0")
    assert len(alone) == 3
    assert all(state for _, _, state in alone)
    # One of the two plays as its first episode what the other order played on a simulator in use.
    assert play("spread.sqlite", "-n2") == alone
    assert play("pool.sqlite", "-n0", "--robust-simulators=2") == alone
