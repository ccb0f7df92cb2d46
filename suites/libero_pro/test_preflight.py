"""LIBERO-PRO: what has to hold before an episode of a model is worth playing."""

import pytest

from pytest_robustplus import Preflight


@pytest.mark.robustness("libero-pro")
def test_preflight(check: Preflight) -> None:
    """Renderer, versions, settling, camera frames, shapes, gripper and initial states are as they should be."""
    check.run()
