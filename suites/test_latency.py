"""A policy answers as fast as it was accepted to, and as its paper's ratio to another model says."""

from collections.abc import Callable

import pytest

from pytest_robustplus.cells import Cell
from pytest_robustplus.items import LatencyTest


@pytest.mark.robustness("libero-plus")
def test_latency(model: Cell, latency: Callable[[Cell], LatencyTest]) -> None:
    """An inference takes no longer than it did, beside a reference workload on the same device."""
    assert latency(model).not_slower()
