"""What CI reads: JSON with its schema, markdown, and one JUnit case per cell."""

from __future__ import annotations

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pytest_robustplus.reporting

SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())


def test_json_follows_its_schema_and_never_gives_an_unmeasured_cell_a_rate(toy: pytest.Pytester) -> None:
    arguments = ["--robust-model=steady,secret,weak", "--robust-perturbation=camera,light", "--robust-json=out/r.json"]
    result = toy.runpytest(*arguments, "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1, skipped=4)
    result.stdout.fnmatch_lines(["written: */out/r.json"])
    written = json.loads((toy.path / "out/r.json").read_text(), parse_constant=pytest.fail)
    jsonschema.validate(written, SCHEMA)
    cells = {(cell["model"], cell["dimension"]): cell for cell in written["cells"]}
    assert {key: cell["state"] for key, cell in cells.items()} == {
        ("steady", "camera"): "pass",
        ("steady", "light"): "skipped",
        ("secret", "camera"): "skipped",
        ("secret", "light"): "skipped",
        ("weak", "camera"): "fail",
        ("weak", "light"): "skipped",
    }
    assert all(("rate" in cell) == (cell["state"] in ("pass", "fail")) for cell in cells.values())
    assert "nobody has published" in cells["secret", "camera"]["reason"]
    lost = cells["weak", "camera"]
    assert lost["rate"] == lost["successes"] / lost["played"]
    assert lost["versions"] == {"toy": "1.0"}
    assert all(total["rate"] is None and total["columns"] == 7 for total in written["totals"])
    _has_a_case_per_cell(toy.path / "junit.xml", cells)


def test_the_schema_refuses_a_rate_for_what_was_not_measured() -> None:
    cell = {"model": "m", "benchmark": "b", "dimension": "d", "test": "t", "state": "skipped", "reason": "r"}
    run: dict[str, Any] = {"version": 2, "run": None, "cells": [cell], "totals": [], "latencies": []}
    jsonschema.validate(run, SCHEMA)
    cell["rate"] = 1.0  # type: ignore[assignment]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(run, SCHEMA)


def test_paired_figures_are_in_the_document(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady", "--robust-baseline=none", "--robust-accept")
    toy.runpytest(
        "--robust-model=steady", "--robust-policy=python:toy:Weak", "--robust-baseline=last", "--robust-json=r.json"
    ).assert_outcomes(failed=2)
    written = json.loads((toy.path / "r.json").read_text())
    jsonschema.validate(written, SCHEMA)
    (gate,) = written["cells"][0]["gates"]
    assert gate["side"] == "regress"
    assert gate["pairs"]["lost"] == len(gate["changed"]) > 0
    assert sum(gate["pairs"].values()) == written["cells"][0]["played"]


def test_markdown_goes_to_the_file_and_to_the_job_summary(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = toy.path / "summary.md"
    summary.write_text("# other step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera,light", "--robust-markdown=r.md")
    text = (toy.path / "r.md").read_text()
    assert summary.read_text() == "# other step\n" + text
    head, _, camera, light = [line for line in text.splitlines() if line.startswith("|")]
    assert head.count("|") == camera.count("|") == light.count("|")
    assert "✅ pass" in camera
    assert "80.0 %" in camera
    assert "skipped: 0 of 60 tasks can be played" in light
    assert "%" not in light
    assert "Total (mean of seven) not measured, 1 of 7 dimensions were" in text


def test_the_summary_of_a_red_run_says_what_was_lost_and_how_to_see_it(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(toy.path / "summary.md"))
    toy.runpytest("--robust-model=steady", "--robust-baseline=none", "--robust-accept")
    options = (
        "--robust-policy=python:toy:Weak",
        "--robust-ledger=my.sqlite",
        "--robust-perturbation=camera",
        "-p",
        "toy",
    )
    toy.runpytest("--robust-model=steady", "--robust-baseline=paper,last", *options).assert_outcomes(failed=1)
    (_, said) = (toy.path / "summary.md").read_text().split("#### ❌ camera of steady\n")
    lost = re.search(r"^Lost: (.*)$", said, re.MULTILINE)
    assert lost is not None
    assert re.search(r"(regress|validate), 80\.0 % of ", lost[1])
    for gate in ("validate", "regress"):
        assert (f"({gate}: fail)" in said) == (f"{gate}, " in lost[1])
    assert re.search(r"^  policy    \S*steady-0\.3", said, re.MULTILINE)
    for how in ("failed", "lost"):
        found = re.search(rf"^  {how} +\S*camera_\d+.*: (pytest .*--robust-replay=\d+)$", said, re.MULTILINE)
        assert found is not None, said
        words = shlex.split(found[1])
        assert "--robust-ledger=my.sqlite" in words
    assert toy.runpytest_subprocess(*words[1:]).ret == 0


def test_the_line_of_a_red_cell_in_pytests_own_summary_begins_with_the_figures(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    said = toy.runpytest("--robust-model=weak", "--robust-perturbation=camera").stdout.str()
    (line,) = [line for line in said.splitlines() if line.startswith("FAILED ")]
    assert re.search(r"\] - ~[\d.]+ < [\d.]+ %.*\.\.\.$", line), line


def test_an_unwritable_place_is_said_and_fails_the_run(toy: pytest.Pytester) -> None:
    result = toy.runpytest(
        "--robust-model=steady", "--robust-perturbation=camera", "--robust-markdown=test_suite.py/r.md"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT written: Cannot write *r.md*"])


def test_a_run_of_other_tests_writes_nothing(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite="def test_other(): pass")
    toy.runpytest("--robust-json=r.json").assert_outcomes(passed=1)
    assert not (toy.path / "r.json").exists()


def _has_a_case_per_cell(path: Path, cells: dict[tuple[str, str], Any]) -> None:
    cases = ET.parse(path).getroot().findall(".//testcase")
    assert sorted(case.get("name", "") for case in cases) == sorted(
        f"test_success_rate[{model}-toy-{dimension}]" for model, dimension in cells
    )
    for case in cases:
        found = {p.get("name"): p.get("value") for p in case.iter("property")}
        played = "robustness_played" in found
        assert played == (case.find("skipped") is None)
