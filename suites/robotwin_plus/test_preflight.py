"""RoboTwin 2.0-Plus: what has to hold before an episode of a model is worth playing."""

from collections.abc import Callable

import pytest

from pytest_robustplus.items import CheckTest


@pytest.mark.robustness("robotwin-plus")
def test_preflight(check: CheckTest, preflight: Callable[[CheckTest], str]) -> None:
    """Checkout, step limits, expert, renderer and shapes are as they should be."""
    assert preflight(check)
