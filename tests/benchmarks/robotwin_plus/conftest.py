"""A fake checkout played by the real driver, in a cache of the test's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fake_robotwin
import pytest
from fake_robotwin import Make

import pytest_robustplus.benchmarks.bimanual.benchmark
import pytest_robustplus.benchmarks.libero_plus.benchmark

# Imported here once: pytest-in-pytest forgets what only the inner run imported, and scipy takes a second.
import pytest_robustplus.evaluation.audit
import pytest_robustplus.fuzz.strategies  # noqa: F401
from pytest_robustplus.benchmarks.robotwin_plus import vulkan
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.benchmarks.robotwin_plus.simulator import RoboTwinSimulator


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake checkout of 2.0-Plus, and a cache of this test's own."""
    monkeypatch.setenv("ROBUSTPLUS_CACHE", str(tmp_path / "cache"))
    # A machine without a Vulkan driver plays it as well: nothing is drawn.
    monkeypatch.setattr(vulkan, "settle", lambda shader: "nobody")
    return fake_robotwin.build(tmp_path / "RoboTwin")


@pytest.fixture
def benchmark(checkout: Path) -> RoboTwinPlus:
    """The benchmark on it."""
    return RoboTwinPlus({}, checkout, Path(sys.executable))


@pytest.fixture
def make(checkout: Path) -> Iterator[Make]:
    """Build simulators of the checkout, and close them again; nothing that they started is left."""
    made = []

    def build(
        timeout: float = 60.0,
        cameras: tuple[str, ...] | None = None,
        depth: tuple[str, ...] = (),
        **choices: str,
    ) -> RoboTwinSimulator:
        benchmark = RoboTwinPlus(choices, checkout, Path(sys.executable), timeout)
        profile = benchmark.profile
        if cameras is not None:
            profile = replace(profile, cameras=cameras, depth=depth)
        simulator = benchmark.simulator(profile, benchmark.protocol(profile))
        assert isinstance(simulator, RoboTwinSimulator)
        made.append(simulator)
        return simulator

    before = len(os.listdir("/proc/self/fd"))
    yield build
    for simulator in made:
        simulator.close()
    assert len(os.listdir("/proc/self/fd")) <= before
