"""LIBERO-PRO: which of the policies that --robust-compare names solves more of the same tasks?"""

import pytest

from pytest_robustplus import Comparison


@pytest.mark.robustness("libero-pro")
def test_comparison(comparison: Comparison) -> None:
    """It becomes known who is better, or that they are equal within the margin."""
    assert comparison.answer()
