"""The public face: what third parties may import, and that our own suites and pages import nothing else."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_robustplus

ROOT = Path(__file__).parents[1]
NAMES = [
    "Actions",
    "Background",
    "BadInputError",
    "Baseline",
    "Benchmark",
    "Camera",
    "Card",
    "Cell",
    "CellRow",
    "Check",
    "CheckContext",
    "CheckFailedError",
    "CheckSkipped",
    "Claim",
    "Combined",
    "Comparison",
    "Configured",
    "Contrast",
    "Dimension",
    "Distractor",
    "EpisodeEvents",
    "EpisodeRow",
    "Event",
    "Failure",
    "Frontier",
    "Fuzz",
    "Generative",
    "Language",
    "Latency",
    "Layout",
    "LiberoProtocol",
    "LiberoSimulator",
    "Light",
    "Noise",
    "Observation",
    "Parallel",
    "Perturbation",
    "Play",
    "Policy",
    "PolicyError",
    "PolicyFactory",
    "PolicyRequest",
    "Preflight",
    "Preparing",
    "Privileged",
    "Profile",
    "Ranging",
    "Robot",
    "RobustnessError",
    "Rows",
    "RunRecord",
    "Scenes",
    "Simulator",
    "SimulatorError",
    "Subgoal",
    "Task",
    "TaskList",
    "Monitoring",
    "load_run",
    "perturbation_from_json",
    "perturbation_part",
    "strategies",
    "unknown",
]
# What is explained there are rooms of the house.
OWN = {ROOT / "docs" / "explanation" / "architecture.md"}


def test_the_public_names_are_these() -> None:
    assert sorted(NAMES) == pytest_robustplus.__all__ == sorted(pytest_robustplus.__all__)
    assert {*NAMES} <= {*dir(pytest_robustplus)}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(pytest_robustplus, name)
    if name not in ("Actions", "PolicyFactory"):  # types, which hold no docstring of their own
        assert inspect.getdoc(found)
    if inspect.isclass(found) and found.__module__.startswith(pytest_robustplus.__name__):
        own = {key: value for key, value in vars(found).items() if not key.startswith("_")}
        spoken = {key: value for key, value in own.items() if callable(value) or isinstance(value, property)}
        assert not [key for key, value in spoken.items() if not inspect.getdoc(getattr(found, key, value))]


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sell'"):
        _ = pytest_robustplus.Sell


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, pytest_robustplus; print({'numpy', 'mujoco', 'hypothesis'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def sources() -> Iterator[tuple[Path, str]]:
    for folder in ("suites", "examples"):
        yield from ((path, path.read_text(encoding="utf-8")) for path in (ROOT / folder).rglob("*.py"))
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if path not in OWN:
            for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
                yield path, block


def test_suites_examples_and_pages_import_public_names_alone() -> None:
    inner = []
    for path, source in sources():
        for node in ast.walk(ast.parse(source)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.startswith("pytest_robustplus."):
                inner.append((path.relative_to(ROOT), module))
    assert not inner
