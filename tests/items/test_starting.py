"""A starter folder, completion of names by a shell, and baselines that a plugin ships with itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pytest_robustplus.items import starting

SHIPPED = """
from pathlib import Path

def pytest_robustplus_baselines():
    return [Path(__file__).parent / "numbers.toml"]
"""


def test_a_starter_folder_has_cells_and_overwrites_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = pytester.runpytest_inprocess("--robust-init=new")
    assert result.ret == 0
    folder = pytester.path / "new"
    assert all((folder / name).is_file() for name in starting.FILES)
    job = yaml.safe_load((folder / ".github/workflows/robustness.yml").read_text())["jobs"]["robustness"]
    assert job["steps"][-1]["uses"].startswith("pytest-robustplus/")
    monkeypatch.chdir(folder)
    listed = pytester.runpytest_subprocess("--collect-only", "-q")
    listed.stdout.fnmatch_lines(["test_robustness.py::test_success_rate[[]mine-libero_plus_generated-language[]]"])
    (folder / "my_policy.py").write_text("mine = True\n")
    (folder / "test_robustness.py").unlink()
    again = pytester.runpytest_subprocess("--robust-init")
    again.stdout.fnmatch_lines(["written: *test_robustness.py*", "left as it is: *my_policy.py*", "    class Policy:"])
    assert (folder / "my_policy.py").read_text() == "mine = True\n"


def completed(line: str, folder: Path) -> list[str]:
    """What a shell would offer, by argcomplete's own protocol."""
    answer = folder / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><;|&(:",
    }
    path = os.pathsep.join(filter(None, sys.path))
    env = {**os.environ, **asked, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-m", "pytest"], cwd=folder, env=env, check=False, capture_output=True)
    return answer.read_text().split("\n") if answer.exists() else []


def test_a_shell_completes_names(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.robustplus.model.refined]\nlike = "reference"\n')
    offered = [name.strip() for name in completed("pytest --robust-model ref", tmp_path)]
    assert offered == ["reference", "reference_robust", "refined"]
    assert completed("pytest --robust-perturbation camera,la", tmp_path) == [
        "camera,language",
        "camera,layout",
    ]
    assert "libero_object" in [name.strip() for name in completed("pytest --robust-suite libero_o", tmp_path)]


def test_a_plugin_ships_its_baselines(toy: pytest.Pytester) -> None:
    numbers = (toy.path / "toy_baselines.toml").read_text().replace("80.0", "70.0").replace("Table 1", "Table 9")
    (toy.path / "numbers.toml").write_text(numbers)
    toy.makeini(f"[pytest]\npythonpath = {Path(starting.__file__).parents[2] / 'tests' / 'support'}\n")
    toy.makepyfile(shipped=SHIPPED)
    toy.syspathinsert()
    options = ("-pshipped", "--robust-model=weak", "--robust-perturbation=camera")
    result = toy.runpytest_inprocess(*options)
    result.stdout.fnmatch_lines(["  baseline  70.0 %: arXiv 2600.00001v1, Table 9"])
    own = toy.runpytest_inprocess(*options, "--robust-baselines=toy_baselines.toml", "--robust-fresh")
    own.stdout.fnmatch_lines(["  baseline  80.0 %: arXiv 2600.00001v1, Table 1"])
