"""LIBERO-Plus: what has to hold before an episode of a model is worth playing."""

from collections.abc import Callable

import pytest

from pytest_robustplus.items import CheckTest


@pytest.mark.robustness("libero-plus")
def test_preflight(check: CheckTest, preflight: Callable[[CheckTest], str]) -> None:
    """Renderer, versions, settling, camera frames, shapes, gripper and initial states are as they should be."""
    assert preflight(check)
