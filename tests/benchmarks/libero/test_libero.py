"""Plain LIBERO by its own name: LIBERO-Plus' unperturbed tasks, held against what is published of those."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.libero.benchmark import Libero
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.session.cells import TableCell
from pytest_robustplus.session.references import References


@pytest.mark.parametrize(
    ("model", "suites", "rate", "source"),
    [
        pytest.param("pi05", ("libero_10",), 0.924, "each model's own publication", id="one suite"),
        pytest.param("pi05", Libero.suites, 0.969, "arXiv 2603.22078", id="all four"),
        pytest.param("reference", ("libero_object",), 0.994, "recorded", id="recorded, task by task"),
    ],
)
def test_it_is_held_against_what_is_known_of_liberos_tasks_in_libero_plus(
    model: str, suites: tuple[str, ...], rate: float, source: str
) -> None:
    benchmark = Libero({})
    card = load_cards()[model]
    cell = TableCell(card, benchmark, suites, Dimension.ORIGINAL)
    tasks = {listed.name: listed.tasks() for listed in (benchmark, benchmark.whole)}
    references = References(Baselines.load((), tasks), tasks, Path(), Path())
    found = references.find("any", cell)
    assert found is not None
    assert (found.rate, found.source.startswith(source)) == (rate, True)
    assert not references.misfit("any", cell)
    if found.outcomes is not None:
        assert found.outcomes.keys() <= {task.name for task in cell.tasks()}
