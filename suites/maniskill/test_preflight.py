"""ManiSkill3: what has to hold before an episode of a model is worth playing."""

from collections.abc import Callable

import pytest

from pytest_robustplus.items import CheckTest


@pytest.mark.robustness("maniskill")
def test_preflight(check: CheckTest, preflight: Callable[[CheckTest], str]) -> None:
    """Placements, renderer and shapes are as they should be."""
    assert preflight(check)
