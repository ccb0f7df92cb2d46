"""Where do two policies, A:B of --robust-compare, differ most among the perturbations that can be generated?"""

import pytest

from pytest_robustplus import Contrast


@pytest.mark.robustness("libero-plus")
def test_contrast(contrast: Contrast) -> None:
    """There is a perturbation under which only one of the two succeeds, beyond chance."""
    assert contrast.search()
