"""What a suite asks for by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_robustplus.baselines import Baseline
    from pytest_robustplus.cells import Cell
    from pytest_robustplus.items import CellTest, CheckTest, LatencyTest
    from pytest_robustplus.probes import AxisTest, FrontierTest, FuzzTest, Play, SpaceTest


@pytest.fixture
def baseline(cell: Cell, request: pytest.FixtureRequest) -> Baseline | tuple[Baseline, ...] | None:
    """What ``cell`` is held against, as --robust-baseline chooses: one number, several, or None when there is none."""
    from pytest_robustplus.session import session_of

    found = session_of(request.config).baselines_of(cell)
    return found if len(found) > 1 else next(iter(found), None)


@pytest.fixture
def audit(request: pytest.FixtureRequest) -> Callable[[Cell], CellTest]:
    """A function from a cell to its test: ``audit(cell).not_worse_than(baseline)`` plays until the verdict is known."""
    from pytest_robustplus.items import CellTest

    return lambda cell: CellTest(cell, request.node)


@pytest.fixture
def latency(request: pytest.FixtureRequest) -> Callable[[Cell], LatencyTest]:
    """A function from a model to its latency test: ``latency(model).not_slower()`` times calls that infer."""
    from pytest_robustplus.items import LatencyTest

    return lambda model: LatencyTest(model, request.node)


@pytest.fixture
def preflight(request: pytest.FixtureRequest) -> Callable[[CheckTest], str]:
    """A function that runs one pre-flight check and returns what it saw; a failing one stops its model's cells."""
    from pytest_robustplus.items import run_check

    return lambda check: run_check(check, request.node)


@pytest.fixture
def frontier(request: pytest.FixtureRequest) -> Callable[[AxisTest], FrontierTest]:
    """A function from an axis to its test: ``frontier(axis).not_nearer_than_accepted()`` finds where success falls."""
    from pytest_robustplus.probes import FrontierTest

    return lambda axis: FrontierTest(axis, request.node)


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Callable[[SpaceTest], FuzzTest]:
    """A function from a space to its test: ``fuzz(space).holds()`` looks for the mildest failing perturbation."""
    from pytest_robustplus.probes import FuzzTest

    return lambda space: FuzzTest(space, request.node)


@pytest.fixture(scope="session")
def play(request: pytest.FixtureRequest) -> Play:
    """A function from a perturbation to what came of it: ``assert play(p).holds``; of one model, that of the item."""
    from pytest_robustplus.probes import Play
    from pytest_robustplus.session import session_of

    return Play(session_of(request.config), request.param)
