"""What a shell offers after an option: models, dimensions, benchmarks and suites, where argcomplete asks pytest."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_robustplus.options import MODALITIES, Settings
from pytest_robustplus.perturbations import Dimension

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.contract import Benchmark


def offer(parser: pytest.Parser) -> None:
    """Give the options their completers, where this pytest has room for them."""
    known = {
        "--robust-model": _models,
        "--robust-compare": _models,
        "--robust-perturbation": lambda: [*map(str, Dimension), "all"],
        "--robust-benchmark": lambda: [benchmark.name for benchmark in _benchmarks()],
        "--robust-suite": lambda: {suite for benchmark in _benchmarks() for suite in benchmark.suites},
        "--robust-ablation": lambda: MODALITIES,
        "--robust-baseline": lambda: ("paper", "last", "none"),
        "--robust-track": lambda: ("wandb", "mlflow", "tensorboard", "trackio"),
        "--robust-replay-as": lambda: ("mp4", "png", "rrd", "lerobot"),
    }
    for option in parser.getgroup("robustplus").options:
        action = getattr(option, "_action", None)  # pytest 9 and later
        for flag in option.names():
            if action is not None and flag in known:
                action.completer = partial(_completed, known[flag])


def _completed(names: Callable[[], Iterable[str]], prefix: str, **_: object) -> list[str]:
    """The names that begin as what was typed after the last comma; nothing where they cannot be had."""
    before, comma, last = prefix.rpartition(",")
    with suppress(Exception):
        return [f"{before}{comma}{name}" for name in sorted(names()) if name.startswith(last)]
    return []


def _models() -> list[str]:
    from pytest_robustplus.policies.cards import load_cards

    place = next((one for one in (Path.cwd(), *Path.cwd().parents) if (one / "pyproject.toml").is_file()), None)
    text = "" if place is None else (place / "pyproject.toml").read_text(encoding="utf-8")
    own = tomllib.loads(text).get("tool", {}).get("robustplus", {}).get("model", {})
    return [*load_cards(()), *own]


def _benchmarks() -> list[Benchmark]:
    from pytest_robustplus.benchmarks import built_in

    return built_in(Settings())
