"""The commands of docs/how_to/ci.md do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "ci.md"


def commands() -> list[str]:
    """Every pytest command of the page's code blocks, once."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = (line for block in blocks for line in block.replace("\\\n", "").splitlines())
    found = (re.fullmatch(r"(?:\s*- (?:run: )?)?pytest (.*)", line) for line in lines)
    return list(dict.fromkeys(match[1] for match in found if match))


def test_the_page_accepts_a_run_and_gates_the_next(toy: pytest.Pytester) -> None:
    accept, nightly = (_on_the_toy(command) for command in commands())
    toy.runpytest(*accept).assert_outcomes(skipped=2)
    assert (toy.path / "baselines/steady.toml").is_file()
    toy.runpytest(*nightly).assert_outcomes(passed=2)
    written = ("--junitxml", "--robust-json", "--robust-markdown", "--robust-html")
    names = [option.partition("=")[2] for option in nightly if option.startswith(written)]
    assert len(names) == len(written)
    assert all((toy.path / name).stat().st_size > 0 for name in names)


def _on_the_toy(command: str) -> list[str]:
    """Play the page's command on the toy benchmark: its suite and its model in place of the page's."""
    suite = "pytest_robustplus.suites.libero_plus"
    known = {suite: "test_suite.py", "--robust-model=pi05": "--robust-model=steady"}
    arguments = shlex.split(command)
    assert {"--pyargs", *known} <= set(arguments)
    return [known.get(argument, argument) for argument in arguments if argument != "--pyargs"]
