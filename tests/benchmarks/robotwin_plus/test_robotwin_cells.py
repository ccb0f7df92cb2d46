"""Cells of RoboTwin as pytest plays them, from a fake checkout: verdicts, faults, several simulators, replay."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import fake_robotwin
import pytest

from pytest_robustplus.ledger import Ledger

SUITES = Path(__file__).parents[3] / "suites" / "robotwin_plus"


def run(pytester: pytest.Pytester, checkout: Path | None, *arguments: str) -> pytest.RunResult:
    for path in SUITES.glob("test_*.py"):
        shutil.copy(path, pytester.path)
    given = [] if checkout is None else [f"--robust-robotwin={checkout}", f"--robust-robotwin-python={sys.executable}"]
    return pytester.runpytest(
        "-p", "no:xdist", "-rs", "--robust-ledger=ledger.sqlite", "--robust-perturbation=camera", *given, *arguments
    )


@pytest.mark.parametrize("simulators", [1, 2])
def test_a_crash_costs_one_try_of_one_episode(
    pytester: pytest.Pytester, checkout: Path, simulators: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []
    monkeypatch.setattr(Ledger, "heartbeat", lambda _, worker: beats.append(worker))
    fake_robotwin.faults(checkout, step="once")
    result = run(
        pytester, checkout, "--robust-model=expert", "--robust-budget=3", f"--robust-simulators={simulators}",
        "--robust-protocol=seeds=apart", "-k", "success_rate",
    )  # fmt: skip
    result.stdout.fnmatch_lines(["*measured 100.0 % of 3; there is no baseline*"])
    with Ledger.open(pytester.path / "ledger.sqlite", create=False) as ledger:
        tries = ledger.episodes(ledger.audits()[0].id)
    assert [t.record.success for t in tries if t.record.success is not None] == [True] * 3
    (fault,) = [t.record for t in tries if t.record.success is None]
    assert fault.error is not None
    assert fault.error.startswith("The RoboTwin process ended in ")
    played = [t.record for t in tries if t.record.success]
    assert all(json.loads(record.provenance["scene"])["configuration"] == "demo_camera" for record in played)
    assert {record.prompt_source for record in played} == {"benchmark"}
    assert len(beats) >= 3  # an expert at play is a sign of life


def still(pytester: pytest.Pytester, width: int) -> None:
    """Offer a policy that holds still, as python:still:policy."""
    pytester.makepyfile(
        still=f"""
        import numpy as np

        class Still:
            checkpoint = "still"

            def reset(self, slot, instruction):
                pass

            def act(self, observations):
                return [np.zeros((50, {width})) for _ in observations]

        def policy():
            return Still()
        """
    )


def test_the_papers_row_is_what_a_model_is_held_against(pytester: pytest.Pytester, checkout: Path) -> None:
    still(pytester, 14)
    result = run(
        pytester, checkout, "--robust-model=pi05", "--robust-policy=python:still:policy", "--robust-suite=click_bell",
        "--robust-protocol=seeds=apart,shader=default", "--robust-budget=20", "-k", "not grasp",
    )  # fmt: skip
    result.assert_outcomes(passed=7, skipped=1)
    # The paper's number is of all suites: one of them alone is measured.
    result.stdout.fnmatch_lines(["*measured 0.0 % of 20; as 45.6 % is of all suites together (arXiv 2603.22078v2, *"])


def test_a_policy_of_the_wrong_width_is_told_so_before_an_episode(pytester: pytest.Pytester, checkout: Path) -> None:
    still(pytester, 7)
    result = run(
        pytester, checkout, "--robust-model=pi05", "--robust-policy=python:still:policy", "--robust-suite=click_bell",
        "-k", "shapes or success",
    )  # fmt: skip
    result.stdout.fnmatch_lines(["*π0.5, call 1, *shape (50, 7)*14*"])
    assert "Traceback" not in result.stdout.str()


def test_an_episode_is_replayed_from_its_actions(pytester: pytest.Pytester, checkout: Path) -> None:
    model = ["--robust-model=expert", "--robust-budget=1", "--robust-protocol=seeds=apart"]
    run(pytester, checkout, *model, "-k", "success_rate")
    result = run(pytester, checkout, "--robust-replay=last")
    result.stdout.fnmatch_lines(["*it came out the same, down to the last bit of the final state*", "video:*"])


def test_without_a_checkout_a_run_is_skipped_and_says_what_it_needs(pytester: pytest.Pytester) -> None:
    result = run(pytester, None)
    result.assert_outcomes(skipped=1)
    needed = "0 of 2,500 tasks can be played: needs a checkout of RoboTwin 2.0-Plus, which --robust-robotwin=DIR names"
    result.stdout.fnmatch_lines([f"1 cell was not played: {needed}"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("", "*the checkout has no assets yet;*bash script/_download_assets.sh"),
        ("--robust-robotwin=nowhere", "--robust-robotwin *nowhere: there is no such folder. *"),
        ("--robust-robotwin-python=nobody", "--robust-robotwin-python *nobody: there is no such program. *"),
        (
            "--robust-suite=clik_bell",
            "Unknown suite 'clik_bell'*Did you mean 'click_bell'? Of the * known, the nearest: *",
        ),
        ("--robust-protocol=shader=fast", "Unknown shader of the RoboTwin protocol 'fast'*"),
    ],
)
def test_options_that_cannot_be_end_a_run_with_one_paragraph(
    pytester: pytest.Pytester, checkout: Path, option: str, said: str
) -> None:
    if not option:
        shutil.rmtree(checkout / "assets")
    result = run(pytester, checkout, "--robust-model=expert", *filter(None, [option]))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert len([line for line in result.errlines if line]) == 1
    result.stderr.fnmatch_lines([f"ERROR: {said}"])


def test_the_wrong_sapien_is_said_once(pytester: pytest.Pytester, checkout: Path) -> None:
    fake_robotwin.sapien(checkout, "2.2.2")
    result = run(pytester, checkout, "--robust-model=expert")
    result.assert_outcomes(errors=1, skipped=8)
    paragraphs = [line for line in result.outlines if line.startswith("RoboTwin needs SAPIEN 3")]
    assert len(paragraphs) == 1
    result.stdout.fnmatch_lines(["*pre-flight check checkout has failed, and this one cannot be run: RoboTwin needs*"])
    assert "Traceback" not in result.stdout.str()
