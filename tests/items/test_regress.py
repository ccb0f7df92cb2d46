"""The gates of a cell: against the paper, against the last accepted run, and from above."""

from __future__ import annotations

import re

import pytest

from pytest_robustplus.ledger import Ledger

CAMERA = "--robust-perturbation=camera"


@pytest.fixture
def accepted(toy: pytest.Pytester) -> pytest.Pytester:
    """A project whose steady policy was played in full and accepted."""
    result = toy.runpytest("--robust-model=steady", "--robust-baseline=none", "--robust-accept")
    result.assert_outcomes(skipped=2)
    return toy


def test_an_identical_rerun_passes_sooner_when_paired(accepted: pytest.Pytester) -> None:
    sure = "--robust-alpha-pass=0.0005"
    for reference in ("last", "paper"):
        accepted.runpytest(
            "--robust-model=steady",
            CAMERA,
            sure,
            f"--robust-baseline={reference}",
            f"--robust-ledger={reference}.sqlite",
        ).assert_outcomes(passed=1)
    assert _played(accepted, "last.sqlite") < _played(accepted, "paper.sqlite")


def test_a_lost_checkpoint_is_red_and_names_what_was_lost(accepted: pytest.Pytester) -> None:
    result = accepted.runpytest(
        "--robust-model=steady", "--robust-policy=python:toy:Weak", CAMERA, "--robust-baseline=last"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*baseline*80.0 %: recorded *, 120 of 120 tasks",
            "*paired * lost, 0 gained, * kept, * failed twice; McNemar p *, sequential e-value *",
            "*lost *camera_*: pytest --robust-replay=*",
        ]
    )
    text = result.stdout.str()
    lost = [int(number) for number in re.findall(r"lost +\S*camera_(\d+)", text)]
    assert lost
    assert all(18 <= number < 48 for number in lost), "solved by a strength of 0.8, not by one of 0.3"


def test_the_paper_and_the_last_run_are_both_asked(accepted: pytest.Pytester) -> None:
    replayed = ["--robust-model=strong", "--robust-policy=demo_replay"]
    options = [*replayed, CAMERA, "-rA"]
    accepted.runpytest(*replayed, "--robust-baseline=none", "--robust-accept")
    result = accepted.runpytest(*options, "--robust-baseline=paper,last")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*100.0 %: arXiv*(validate: fail)", "*80.0 %: recorded*(regress: *)"])
    accepted.runpytest(*options, "--robust-baseline=last").assert_outcomes(passed=1)


def test_a_missing_accepted_run_is_measured_and_said(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-model=steady", CAMERA, "--robust-baseline=last")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["† steady, camera: no accepted run of steady to regress against*--robust-accept."])
    both = toy.runpytest("--robust-model=steady", CAMERA, "--robust-baseline=last", "--robust-baseline=paper")
    both.assert_outcomes(passed=1)
    both.stdout.fnmatch_lines(["† steady, camera: no accepted run of steady to regress against*"])


def test_far_above_is_said_and_fails_when_asked(toy: pytest.Pytester) -> None:
    options = ["--robust-model=weak", "--robust-policy=expert", CAMERA]
    baselines = toy.path / "toy_baselines.toml"
    baselines.write_text(baselines.read_text().replace("80.0, 80.0", "30.0, 30.0"))
    said = toy.runpytest(*options)
    said.assert_outcomes(passed=1)
    said.stdout.fnmatch_lines(["weak *~100 %† *", "*ABOVE*", "† weak, camera: above its baseline by more than*"])
    failed = toy.runpytest(*options, "--robust-two-sided")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        [
            "*baseline*30.0 %*(above: fail)",
            "*e-value * for a gain beyond it*",
            "*weak, camera: above its baseline by more than*",
        ]
    )
    toy.runpytest("--robust-model=weak", CAMERA, "--robust-two-sided").assert_outcomes(passed=1)


def test_other_versions_than_the_baselines_are_said(accepted: pytest.Pytester) -> None:
    path = accepted.path / "baselines/steady.toml"
    path.write_text(path.read_text().replace('toy = "1.0"', 'toy = "0.9"'))
    result = accepted.runpytest("--robust-model=steady", CAMERA, "--robust-baseline=last")
    result.stdout.fnmatch_lines(["† steady, camera: toy 1.0 here, 0.9 in the baseline."])


def test_more_cells_share_the_error_rate_of_a_red_run(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=weak", CAMERA, "--robust-ledger=one.sqlite").assert_outcomes(failed=1)
    toy.runpytest(
        "--robust-model=weak,steady,strong", "--robust-ledger=six.sqlite", "--robust-perturbation=camera,noise"
    )
    assert _played(toy, "one.sqlite") < _played(toy, "six.sqlite")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("papre", "'papre' is neither paper, last, none nor a .toml file"),
        ("none,last", "none cannot stand beside another"),
    ],
)
def test_a_wrong_name_is_refused(toy: pytest.Pytester, name: str, wrong: str) -> None:
    result = toy.runpytest("--robust-model=steady", f"--robust-baseline={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{wrong}*"])


def test_a_missing_file_ends_the_run_before_anything_is_played(toy: pytest.Pytester) -> None:
    """It once cost the time of the pre-flight checks, and was an error of every cell."""
    result = toy.runpytest("--robust-model=steady", CAMERA, "--robust-baseline=nowhere.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *nowhere.toml: there is no such file. Check the path*--robust-accept=*"])
    assert not (toy.path / ".robustplus").exists()


def _played(toy: pytest.Pytester, ledger: str) -> int:
    with Ledger.open(toy.path / ledger, create=False) as opened:
        audits = opened.audits()
    assert audits[0].conclusion is not None
    return audits[0].conclusion.played
