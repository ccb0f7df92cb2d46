"""Tasks that only LIBERO-Plus' assets archive unlocks, of every kind, played from an archive of our own making.

Its layout and the names of its files are the real one's; what is in the files is made here: primitive shapes, checks,
and the packages' own scenes with another lamp or another texture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_robustplus.benchmarks.contract import settle
from pytest_robustplus.benchmarks.libero_plus import assets, requirements
from pytest_robustplus.benchmarks.libero_plus.expert import Expert
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, variant_name
from pytest_robustplus.policies.cards import default_profile
from pytest_robustplus.rollout.episode import play

BOWL = "libero_spatial/pick_up_the_black_bowl_between_the_plate_and_the_ramekin_and_place_it_on_the_plate"
SOUP = "libero_object/pick_up_the_alphabet_soup_and_place_it_in_the_basket"
POT = "libero_10/KITCHEN_SCENE3_turn_on_the_stove_and_put_the_moka_pot_on_it"
KINDS = (f"{BOWL}_light_1", f"{BOWL}_table_1", f"{SOUP}_table_1", f"{SOUP}_add_10", f"{SOUP}_light_1", f"{POT}_tb_10")
SCENES = {"tabletop": "libero_tabletop", "floor": "libero_floor", "kitchen": "libero_kitchen_tabletop"}
OBJECT = """<mujoco model="{name}"><worldbody><body><body name="object">
  <geom type="box" size=".025 .025 .04" group="0" rgba="0 0 0 0" density="100" friction="0.95 0.3 0.1"/>
  <geom type="box" size=".025 .025 .04" group="1" rgba=".2 .5 .9 1" conaffinity="0" contype="0" mass="0"/></body>
  <site rgba="0 0 0 0" size=".005" pos="0 0 -.04" name="bottom_site"/>
  <site rgba="0 0 0 0" size=".005" pos="0 0 .04" name="top_site"/>
  <site rgba="0 0 0 0" size=".005" pos=".025 .025 0" name="horizontal_radius_site"/></body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked archive with what these tasks need."""
    root = tmp_path_factory.mktemp("archive")
    folder = root / "inspire" / "hdd" / "project" / "assets"
    for name in KINDS:
        task = find_task(name)
        declared = requirements.declared(task.suite, variant_name(task), objects="_add_" in name)
        for file in dict.fromkeys(requirements.needed(declared, None)):
            if file and assets.find(file, None) is None:
                path = folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                make(path, file)
    return root


def make(path: Path, file: str) -> None:
    if file.startswith("new_objects"):
        path.write_text(OBJECT.format(name=path.stem))
    elif file.startswith("textures"):
        checks = np.indices((128, 128)).sum(axis=0) // 16 % 2 * 200 + 30
        Image.fromarray(checks.astype(np.uint8)).convert("RGB").save(path)
    else:
        kind = next(kind for kind in SCENES if kind in path.stem)
        scene = (assets.package_folder() / "scenes" / f"{SCENES[kind]}_base_style.xml").read_text()
        scene = re.sub('file="', 'file="' + "../" * (file.count("/") - 1), scene)
        if "light" in file:
            scene = scene.replace('diffuse=".8 .8 .8"', 'diffuse=".9 .2 .2"')
        path.write_text(scene.replace("martin_novak_wood_table.png", "light-gray-plaster.png"))


@pytest.fixture(scope="module")
def simulator(archive: Path) -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(), cameras=("agentview",), image_size=64, assets=archive)
    yield built
    built.close()


@pytest.mark.parametrize("name", KINDS, ids=lambda name: name.rpartition("/")[0] + "_".join(name.split("_")[-2:]))
def test_a_task_of_every_blocked_kind_is_unlocked_drawn_and_differs(
    archive: Path, simulator: LiberoSimulator, name: str
) -> None:
    assert find_task(name).blocked
    task = find_task(name, archive)
    assert not task.blocked
    profile = default_profile("libero_plus")
    pictures = []
    for one in (task, find_task(f"{task.suite}/{task.base}#0")):
        simulator.reset(one)
        settle(simulator, profile)
        pictures.append(simulator.observe().images["agentview"].astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() > 1


def test_the_expert_solves_one_with_added_objects(archive: Path, simulator: LiberoSimulator) -> None:
    task = find_task(KINDS[3], archive)
    assert play(simulator, Expert(), task, default_profile("libero_plus")).success
