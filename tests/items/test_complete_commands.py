"""A command that is printed can be run as it is, and a file is looked for from where it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_robustplus.policies.places import anchor, anchored

WEAK = ("--robust-model=weak", "--robust-perturbation=camera")


@pytest.mark.everywhere
def test_a_printed_replay_plays_the_episode_of_its_own_ledger(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady", "--robust-perturbation=noise").assert_outcomes(passed=1)
    result = toy.runpytest(*WEAK, "--robust-ledger=my runs/l.sqlite", "--robust-html=out.html", "-p", "toy")
    result.assert_outcomes(failed=1)
    found = re.search(r"failed +(\S+), \d+ steps: (pytest .* --robust-replay=\d+)", result.stdout.str())
    assert found is not None
    task, command = found.groups()
    words = shlex.split(command)
    assert "--robust-ledger=my runs/l.sqlite" in words
    again = toy.runpytest_subprocess(*words[1:])
    assert again.ret == 0
    again.stdout.fnmatch_lines([f"episode *: {task}, failure*"])
    page = (toy.path / "out.html").read_text()
    assert "--robust-ledger=my runs/l.sqlite" in page
    assert "pytest --robust-replay" not in page


def test_what_is_configured_is_not_repeated(toy: pytest.Pytester) -> None:
    toy.makeini("[pytest]\nrobust_ledger = l.sqlite\nrobust_baselines = toy_baselines.toml\n")
    result = toy.runpytest(*WEAK)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*failed*steps: pytest --robust-replay=*"])


def test_a_file_of_a_spec_is_found_from_where_it_is_written(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.path.joinpath("tox.ini").unlink()
    toy.makepyprojecttoml(
        """
        [tool.robustplus.model.mine]
        like = "steady"
        policy = "onnx:weights/ck.onnx"
        """
    )
    below = toy.mkdir("below")
    monkeypatch.chdir(below)
    said = toy.runpytest("--rootdir=..", "../test_suite.py", "--robust-model=mine").stdout.str()
    assert f"Cannot read the ONNX file {toy.path / 'weights' / 'ck.onnx'}" in said
    said = toy.runpytest("--rootdir=..", "../test_suite.py", "--robust-model=onnx:other.onnx").stdout.str()
    assert "Cannot read the ONNX file other.onnx" in said


def test_specs_and_statistics_are_anchored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here, elsewhere = tmp_path, Path("/models")
    assert anchored("onnx:ck.onnx", here) == "onnx:ck.onnx"
    assert anchored("lerobot:runs/42", elsewhere) == "lerobot:/models/runs/42"
    for same in ("onnx:/a/ck.onnx", "onnx:package/x.onnx", "openpi:ws://a:1", "python:m:P", "steady"):
        assert anchored(same, elsewhere) == same
    assert (
        anchored("suites:a=onnx:x.onnx b=act:http://h:1", elsewhere) == "suites:a=onnx:/models/x.onnx b=act:http://h:1"
    )
    table = {"policy": {"left": "onnx:a"}, "profile": {"toy": {"statistics": "s.json", "replan": 2}}, "title": "x"}
    assert anchor(table, elsewhere) == {
        "policy": {"left": "onnx:/models/a"},
        "profile": {"toy": {"statistics": "/models/s.json", "replan": 2}},
        "title": "x",
    }
