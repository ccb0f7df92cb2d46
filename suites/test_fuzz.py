"""No perturbation of a dimension, however found, brings a checkpoint below a share of its unperturbed success."""

from collections.abc import Callable

import pytest

from pytest_robustplus.probes import FuzzTest, SpaceTest


@pytest.mark.robustness("libero-plus")
def test_fuzz(space: SpaceTest, fuzz: Callable[[SpaceTest], FuzzTest]) -> None:
    """A budget of episodes finds nothing; otherwise the mildest failing perturbation is shown."""
    assert fuzz(space).holds()
