"""ManiSkill3: a checkpoint keeps its success rate under each perturbation."""

from collections.abc import Callable

import pytest

from pytest_robustplus.baselines import Baseline
from pytest_robustplus.cells import Cell
from pytest_robustplus.items import CellTest


@pytest.mark.robustness("maniskill")
def test_success_rate(cell: Cell, audit: Callable[[Cell], CellTest], baseline: Baseline | None) -> None:
    """A checkpoint keeps the success rate that its baseline has."""
    assert audit(cell).not_worse_than(baseline)
