"""Sentences as tests: held against published rows, accepted files and the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from toy import Toy

import pytest_robustplus.reporting

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())
SUITE = """
import pytest

@pytest.mark.robustness("toy")
def test_hardest(claim):
    assert claim("camera").hardest_for(["recorded:old"])

@pytest.mark.robustness("toy")
def test_noise_is_hardest(claim):
    assert claim("noise").hardest_for(["recorded:old"])

@pytest.mark.robustness("toy")
def test_better(claim):
    assert claim.better(["recorded:old"], ["recorded:new"], on=["camera"])

@pytest.mark.robustness("toy")
def test_alike(claim):
    claim.better(["recorded:old"], ["recorded:new"], on=["camera"], by="mean")

@pytest.mark.robustness("toy")
def test_slower(claim):
    assert claim.slower(["weak"], "steady", by=(2, 3))
"""


def do_import(toy: pytest.Pytester, model: str, camera: float, noise: float) -> None:
    strengths = {"camera": camera, "noise": noise}
    rows = [
        f"{task.name},{int(float(task.parameters['weight']) < strengths[task.dimension])}"
        for task in Toy({}).tasks()
        if task.dimension in strengths
    ]
    toy.path.joinpath(f"{model}.csv").write_text("\n".join(["task,success", *rows]) + "\n")
    arguments = [f"--robust-import={model}.csv", f"--robust-model={model}", "--robust-benchmark=toy"]
    assert toy.runpytest(*arguments, "--robust-ledger=l.sqlite").ret == 0


def test_sentences_hold_are_refuted_or_stay_undecided(toy: pytest.Pytester) -> None:
    do_import(toy, "old", camera=0.2, noise=0.9)
    do_import(toy, "new", camera=0.6, noise=0.9)
    toy.makepyfile(test_suite=SUITE)
    files = ["--robust-json=r.json", "--robust-markdown=r.md", "--robust-html=r.html"]
    result = toy.runpytest("--robust-ledger=l.sqlite", *files)
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "noise is the hardest dimension for recorded:old: refuted by recorded:old (camera)",
            "  recorded:old: camera 20.0 % of 60 below noise 90.0 % of 60, p *",
            "the best of recorded:old is above the best of recorded:new on camera: refuted by camera",
            "camera is the hardest dimension for recorded:old: holds",
            "*refuted at 0.05 over 1 comparison",
            "*the sample is 1 and 1 model, not their episodes: so few say little about families",
            "an inference of weak takes 2 to 3 times as long as one of steady: undecided",
            "  note      no published latency for weak",
        ]
    )
    # Only the terminal had them.
    document = json.loads(toy.path.joinpath("r.json").read_text())
    jsonschema.validate(document, SCHEMA)
    verdicts = {claim["sentence"]: claim["verdict"] for claim in document["claims"]}
    assert list(verdicts.values()).count("refuted") == 2
    assert verdicts["camera is the hardest dimension for recorded:old"] == "holds"
    for name in ("r.md", "r.html"):
        written = toy.path.joinpath(name).read_text()
        for sentence in verdicts:
            assert sentence in written


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ('claim("camera").hardest_for(["nobody"])', "*Nothing is known about nobody on Toy Table*"),
        ('claim("camra")', "*camra*camera*"),
        ('claim.better(["a"], ["b"], on=["camera"], by="luck")', "*luck*leader*"),
    ],
)
def test_what_cannot_be_claimed_is_said(toy: pytest.Pytester, sentence: str, said: str) -> None:
    toy.makepyfile(
        test_suite=f"""
        import pytest

        @pytest.mark.robustness("toy")
        def test_claim(claim):
            assert {sentence}
        """
    )
    result = toy.runpytest("--robust-ledger=l.sqlite")
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines([said])


def test_the_seed_papers_claims_against_its_own_tables() -> None:
    suite = ROOT / "suites" / "claims" / "world_action_models.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(suite)]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert "3 failed, 1 passed, 2 skipped" in text
    (libero,) = [line for line in text.splitlines() if line.startswith("camera is the hardest") and "openvla" in line][
        :1
    ]
    for model in ("pi0 (robot)", "openvla_oft (robot)", "ript_vla (robot)", "cosmos_policy (robot)"):
        assert model in libero
    assert "pi0@2603.22078-rerun (robot)" in libero
    assert "refuted by pi05 (robot)" in text
    assert "Fast-WAM: 3 times pi05, on another device" in text
