"""What third parties may add: implement these hooks in a conftest.py or a plugin, as with any pytest hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_robustplus.benchmarks.contract import Benchmark
    from pytest_robustplus.options import Settings
    from pytest_robustplus.policies.cards import Card
    from pytest_robustplus.policies.request import PolicyFactory
    from pytest_robustplus.results.rows import CellRow, EpisodeRow, RunRecord


@pytest.hookspec
def pytest_robustplus_models() -> Iterable[Card | Path]:  # type: ignore[empty-body]
    """Model cards to offer beside the built-in ones, as objects, files or folders of files.

    A card of the same name replaces the built-in one.
    """


@pytest.hookspec
def pytest_robustplus_benchmarks(settings: Settings) -> Iterable[Benchmark]:  # type: ignore[empty-body]
    """Benchmarks to offer, built from the settings of this run; must not import a simulator yet."""


@pytest.hookspec
def pytest_robustplus_policies() -> Mapping[str, PolicyFactory]:  # type: ignore[empty-body]
    """Ways of reaching a policy: the word before the first colon of a policy spec, and what builds the policy."""


@pytest.hookspec
def pytest_robustplus_baselines() -> Iterable[Path]:  # type: ignore[empty-body]
    """Baseline files, or folders of them, that come with a benchmark or a model of this plugin.

    They outrank the package's own, and those of ``--robust-baselines`` outrank them.
    """


@pytest.hookspec
def pytest_robustplus_episode(config: pytest.Config, episode: EpisodeRow) -> None:
    """An episode has finished, here or on a worker: called once for each in the process that reports.

    Also for those that a resumed run takes over, which say so. Called within about a second, from a thread while tests
    run, never twice at a time; what a hook raises is said at the end of the run and costs nothing else.
    """


@pytest.hookspec
def pytest_robustplus_cell(config: pytest.Config, cell: CellRow) -> None:
    """A cell has ended, decided or not; called once, after its episodes' hooks, in the process that reports."""


@pytest.hookspec
def pytest_robustplus_run(config: pytest.Config, run: RunRecord) -> None:
    """The run is over and has written its files; called once, after all cells, unless nothing of ours was asked."""
