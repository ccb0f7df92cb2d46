"""How far along an axis a checkpoint keeps a share of its unperturbed success."""

from collections.abc import Callable

import pytest

from pytest_robustplus.probes import AxisTest, FrontierTest


@pytest.mark.robustness("libero-plus")
def test_frontier(axis: AxisTest, frontier: Callable[[AxisTest], FrontierTest]) -> None:
    """The frontier has not come nearer than the accepted one."""
    assert frontier(axis).not_nearer_than_accepted()
