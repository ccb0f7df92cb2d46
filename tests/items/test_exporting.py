"""What leaves the ledger comes back with the same verdicts, and in the forms that others ask for."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
import yaml

from pytest_robustplus.ledger import Ledger

CAMERA = "--robust-perturbation=camera"
LEDGER = "--robust-ledger=l.sqlite"


def played(toy: pytest.Pytester, *models: str) -> None:
    for model in models:
        chosen = [f"--robust-model={model}", "--robust-baseline=none", LEDGER]
        toy.runpytest(*chosen).assert_outcomes(skipped=2)


def export(toy: pytest.Pytester, *files: str, model: str = "steady") -> pytest.RunResult:
    return toy.runpytest(*(f"--robust-export={file}" for file in files), f"--robust-model={model}", LEDGER)


@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_a_table_read_back_gives_the_same_verdict(toy: pytest.Pytester, name: str) -> None:
    played(toy, "steady")
    result = export(toy, name)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"120 episodes written to *{name}"])
    back = ["--robust-benchmark=toy", "--robust-ledger=back.sqlite"]
    again = toy.runpytest(f"--robust-import={name}", "--robust-model=back", *back)
    again.stdout.fnmatch_lines(
        ["*: table, robustplus-episodes-1; *model steady*", "120 episodes of back on Toy Table*"]
    )
    toy.makepyfile(
        test_both="""
        import pytest

        @pytest.mark.robustness("toy")
        def test_comparison(comparison):
            assert comparison.answer() == "equal"
        """
    )
    both = toy.runpytest("test_both.py", "--robust-compare=steady,recorded:back", *back[1:], "--robust-margin=0")
    both.assert_outcomes(passed=2)
    both.stdout.fnmatch_lines(["camera*+0.0 [[]+0.0, +0.0[]] *60/60 *equal within 0.0 points"])


def test_rows_say_what_they_are(toy: pytest.Pytester) -> None:
    played(toy, "steady")
    export(toy, "e.csv")
    with toy.path.joinpath("e.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    first = rows[0]
    assert (first["format"], first["model"], first["benchmark"]) == ("robustplus-episodes-1", "steady", "toy")
    assert {row["success"] for row in rows} == {"True", "False"}
    assert json.loads(first["parameters"]).keys() == {"weight"}
    assert json.loads(first["provenance"])["toy"] == "1.0"


def test_a_checkpoint_of_which_nothing_has_been_played_hides_nothing(toy: pytest.Pytester) -> None:
    played(toy, "steady")
    with Ledger.open(toy.path / "l.sqlite") as ledger:
        (run,) = ledger.runs()
        key = next(audit.key for audit in ledger.audits() if audit.key.dimension == "camera")
        ledger.open_audit(replace(key, checkpoint="new"), run=run.run, total=60, order_seed="seed")
    export(toy, "e.csv").stdout.fnmatch_lines(["120 episodes written to *"])


def test_forms_of_others(toy: pytest.Pytester) -> None:
    played(toy, "steady", "weak")
    result = export(toy, "v.vectors.json", "h.yaml", "b.leaderboard.json")
    assert result.ret == 0
    vectors = json.loads(toy.path.joinpath("v.vectors.json").read_text())
    left = vectors["suites"]["left"]
    assert [entry["category"] for entry in left[:2]] == ["Camera Viewpoints"] * 2
    assert [entry["id"] for entry in left] == sorted(entry["id"] for entry in left)
    hub = yaml.safe_load(toy.path.joinpath("h.yaml").read_text())
    assert [(entry["dataset"]["task_id"], entry["value"]) for entry in hub] == [("camera", 80.0), ("noise", 80.0)]
    assert hub[0]["notes"] == "steady: 60 of 60 tasks"
    (entry,) = json.loads(toy.path.joinpath("b.leaderboard.json").read_text())["results"]
    assert (entry["overall_score"], entry["suite_scores"]) == (None, {"camera": 80.0, "noise": 80.0})
    assert entry["notes"].startswith("120 of 180 tasks, by pytest-robustplus")
    both = toy.runpytest("--robust-export=v.vectors.json", LEDGER)
    both.stderr.fnmatch_lines(["*holds one model on one benchmark, and the ledger has steady, weak on toy*"])


@pytest.mark.parametrize(
    ("name", "model", "said"),
    [("e.txt", "steady", "*has to end in one of .csv*"), ("e.csv", "nobody", "*holds no finished episode of nobody*")],
)
def test_what_cannot_be_exported_is_said(toy: pytest.Pytester, name: str, model: str, said: str) -> None:
    played(toy, "steady")
    result = export(toy, name, model=model)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_several_models_in_one_table_are_not_one_import(toy: pytest.Pytester) -> None:
    played(toy, "steady", "weak")
    toy.runpytest("--robust-export=e.csv", LEDGER)
    result = toy.runpytest("--robust-import=e.csv", "--robust-model=x", "--robust-benchmark=toy", LEDGER)
    result.stderr.fnmatch_lines(["*it holds several models (steady, weak)*"])
