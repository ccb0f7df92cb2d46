"""Policies that need no checkpoint: each benchmark builds them by name, and nothing in place of another."""

from __future__ import annotations

import pytest

from pytest_robustplus import BadInputError, Benchmark
from pytest_robustplus.benchmarks.bimanual.benchmark import Bimanual
from pytest_robustplus.benchmarks.demo_replay import Replay
from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.benchmarks.maniskill.benchmark import ManiSkill
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.policies.zero import Zero

WITH_DEMONSTRATIONS = [LiberoPlus({}), Bimanual({}), ManiSkill({})]


@pytest.mark.parametrize("benchmark", WITH_DEMONSTRATIONS, ids=lambda benchmark: benchmark.name)
def test_demonstrations_are_replayed(benchmark: Benchmark) -> None:
    assert isinstance(benchmark.script("demo_replay"), Replay)
    assert isinstance(benchmark.script("zero"), Zero)


@pytest.mark.parametrize("benchmark", [*WITH_DEMONSTRATIONS, RoboTwinPlus({})], ids=lambda benchmark: benchmark.name)
def test_an_unknown_script_is_refused(benchmark: Benchmark) -> None:
    """Anything else once played as ``zero``, so that a renamed script failed every episode in silence."""
    with pytest.raises(BadInputError, match="Unknown script 'replay'"):
        benchmark.script("replay")
