"""What pipelines copy holds to the official schemas, runs step by step, and says on the suite's lines what was lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import toy
import yaml

ROOT = Path(__file__).parents[2]
GATE = ROOT / "examples" / "gate_ci"
ACTION = ROOT / "action.yml"
STARTER = ROOT / "pytest_robustplus" / "items" / "starter" / "robustness.yml.txt"


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", ACTION),
        ("vendor.github-workflows", GATE / "github.yml"),
        ("vendor.gitlab-ci", GATE / "gitlab.yml"),
        ("vendor.github-workflows", STARTER),
    ],
    ids=["action", "workflow", "gitlab", "starter"],
)
def test_files_hold_to_their_schemas(schema: str, file: Path) -> None:
    check = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [check, "--builtin-schema", schema, "--default-filetype", "yaml", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def project(folder: Path) -> None:
    """A clone of a project on the toy benchmark."""
    folder.mkdir()
    (folder / "conftest.py").write_text("from toy import pytest_robustplus_benchmarks, pytest_robustplus_models\n")
    (folder / "test_suite.py").write_text(toy.SUITE)
    (folder / "pyproject.toml").write_text(
        '[tool.robustplus]\nperturbations = ["camera"]\n[tool.pytest.ini_options]\ntestpaths = ["."]\n'
    )


def environment(folder: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = [str(ROOT), str(Path(toy.__file__).parent), *filter(None, sys.path)]
    return {"HOME": str(folder), "PATH": path, "PYTHONPATH": os.pathsep.join(found), **more}


def test_the_steps_of_the_action_run_in_a_clone(tmp_path: Path) -> None:
    clone, output, summary, said = (tmp_path / name for name in ("clone", "output", "summary", "comment"))
    project(clone)
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" > {said}\nfor file; do :; done\ncat "$file" >> {said}\n')
    gh.chmod(0o755)
    own = environment(tmp_path, GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary), GITHUB_ACTIONS="true")
    own |= {"GITHUB_WORKSPACE": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{own['PATH']}"}
    accept = ["--robust-model=steady", "--robust-baseline=none", "--robust-accept=accepted.toml"]
    subprocess.run([sys.executable, "-m", "pytest", "-q", *accept], cwd=clone, env=own, check=True, capture_output=True)
    summary.unlink()
    values = {
        "inputs.arguments": '"--robust-model=steady" --robust-policy=python:toy:Weak -q',
        "inputs.baseline": "accepted.toml",
        "inputs.install": "",
        "steps.keep.outputs.artifact-url": "https://example.org/page",
        "github.token": "secret",
        "github.event.pull_request.number": "7",
        "github.repository": "own/robot",
    }
    codes, printed = {}, ""
    for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        env = {name: filled(text, values) for name, text in step.get("env", {}).items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"], values)]
        done = subprocess.run(command, cwd=clone, env=own | env, capture_output=True, text=True, check=False)
        codes[step["name"]], printed = done.returncode, printed + done.stdout + done.stderr
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            values[f"steps.play.outputs.{name}"] = value
    assert codes == {"Play": 0, "Say where the page is": 0, "Comment": 0, "Judge": 1}, printed
    written = {path.name for path in (clone / "robustness").iterdir()}
    assert written >= {"junit.xml", "run.json", "cells.csv", "summary.md", "page.html"}
    comment = said.read_text()
    assert comment.startswith("pr comment 7 --repo own/robot --edit-last --create-if-none --body-file")
    assert "**steady on Toy Table: holds on 0 of 1; lost camera against " in comment
    assert re.search(
        r"- camera of steady: \d+ lost, 0 gained; lost `\S+`.*; see one: `pytest --robust-replay=\d+`", comment
    )
    assert "(https://example.org/page)" in comment
    assert "(https://example.org/page)" in summary.read_text()
    annotation = re.search(
        r"^::error file=clone/test_suite\.py,line=(\d+),title=(\S+).*?::(.*)$", printed, re.MULTILINE
    )
    assert annotation is not None, printed
    asked = toy.SUITE.splitlines()[int(annotation[1]) - 1]
    assert asked.startswith(("@pytest.mark.robustness", "def test_success_rate"))
    assert "%25" in annotation[3]
    assert "%0A" in annotation[3]


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: values[found[1]], text)


def test_the_script_of_the_gitlab_template_runs(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    project(clone)
    job = yaml.safe_load((GATE / "gitlab.yml").read_text())["robustness"]
    own = environment(tmp_path, **job["variables"]) | {
        "ROBUST_ARGUMENTS": "--robust-model=steady",
        "ROBUST_BASELINE": "none",
    }
    for line in job["script"]:
        if "pip install" not in line:
            subprocess.run(["sh", "-ec", line], cwd=clone, env=own, check=True, capture_output=True)
    for place in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"], *job["cache"]["paths"]):
        assert (clone / place).exists(), place


def test_nothing_is_annotated_elsewhere(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::error" not in toy.runpytest("--robust-model=weak", "--robust-perturbation=camera").stdout.str()


@pytest.mark.parametrize("workflow", [GATE / "github.yml", STARTER], ids=["example", "starter"])
def test_workflows_pass_what_the_action_takes(workflow: Path) -> None:
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    steps = yaml.safe_load(workflow.read_text())["jobs"]["robustness"]["steps"]
    (given,) = [step["with"] for step in steps if step.get("uses", "").startswith("pytest-robustplus/")]
    assert given.keys() <= inputs.keys()
    assert {name for name, one in inputs.items() if one.get("required")} <= given.keys()


@pytest.mark.parametrize(
    "file", [ACTION, GATE / "gitlab.yml", GATE / "tox.ini", GATE / "noxfile.py"], ids=lambda p: p.name
)
def test_what_a_pipeline_installs_plays_what_it_asks_for(file: Path) -> None:
    """The examples and the starter play ONNX files."""
    (extras,) = set(re.findall(r"\[([a-z]+(?:,[a-z]+)+)\]", file.read_text()))
    assert {"libero", "onnx"} <= set(extras.split(","))
