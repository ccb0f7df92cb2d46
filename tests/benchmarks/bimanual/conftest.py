"""Simulators of the bimanual benchmark: one that draws, where a driver is there, and one that does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_robustplus.benchmarks.bimanual.protocol import BimanualProtocol
from pytest_robustplus.benchmarks.bimanual.simulator import SHADER, BimanualSimulator
from pytest_robustplus.benchmarks.rendering import choose_renderer
from pytest_robustplus.errors import BadInputError


@pytest.fixture(scope="module")
def blind() -> Iterator[BimanualSimulator]:
    """A simulator without cameras, which needs no driver."""
    simulator = BimanualSimulator(BimanualProtocol(), cameras=())
    yield simulator
    simulator.close()


@pytest.fixture(scope="session")
def renderer() -> str:
    """The driver; without one, the test says what to run."""
    try:
        return choose_renderer()._replace(shader=SHADER).name
    except BadInputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def drawing(renderer: str) -> Iterator[BimanualSimulator]:
    """A simulator with small pictures of all three cameras."""
    simulator = BimanualSimulator(BimanualProtocol(), size=(60, 80))
    yield simulator
    simulator.close()
