"""LIBERO-PRO: a checkpoint keeps its success rate under each perturbation."""

import pytest

from pytest_robustplus import Cell


@pytest.mark.robustness("libero-pro")
def test_success_rate(cell: Cell) -> None:
    """A checkpoint keeps the success rate that its baseline has."""
    assert cell.not_worse_than(cell.baseline)
