"""What is kept for the next start: the same bits, made anew when anything is wrong, bounded, many writers at once."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import pytest

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE
from pytest_robustplus.benchmarks.libero_plus import compiled, kept, scenes
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks

CORNERS = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 {height}\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "libero_plus" / "kept"


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    path = tmp_path / "mesh.obj"
    path.write_text(CORNERS.format(height=1))
    return path


def scene(mesh: Path) -> str:
    return (
        f'<mujoco><asset><mesh name="m" file="{mesh}"/></asset><worldbody>'
        '<body><freejoint/><geom type="mesh" mesh="m"/></body></worldbody></mujoco>'
    )


def bits(model: Any) -> bytes:
    content = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, content)
    return content.tobytes()


def compiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every scene that is compiled from here on; the empty one makes MuJoCo forget another's sources."""
    seen: list[str] = []

    class Counted(mujoco.MjModel):  # type: ignore[misc]
        @staticmethod
        def from_xml_string(xml: str) -> Any:
            if xml != "<mujoco/>":
                seen.append(xml)
            return original(xml)

    original = mujoco.MjModel.from_xml_string
    monkeypatch.setattr(mujoco, "MjModel", Counted)
    return seen


def test_the_second_start_reads_the_bits_that_the_first_compiled(
    folder: Path, mesh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = compiles(monkeypatch)
    first, second = compiled._model(scene(mesh)), compiled._model(scene(mesh))
    assert len(seen) == 1
    assert bits(first) == bits(second)
    assert [path.suffix for path in folder.iterdir()] == [".mjb"]


def test_another_mesh_under_the_same_name_is_another_scene(
    folder: Path, mesh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = compiles(monkeypatch)
    first = compiled._model(scene(mesh))
    mesh.write_text(CORNERS.format(height=2))
    os.utime(mesh, (1, 1))  # MuJoCo's own cache of meshes counts in seconds
    second = compiled._model(scene(mesh))
    assert len(seen) == 2
    assert bits(first) != bits(second)


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty"])
def test_what_is_broken_is_made_anew(folder: Path, mesh: Path, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled._model(scene(mesh))
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flipped": bytes(content), "cut": bytes(content[:-9]), "empty": b""}[harm])
    seen = compiles(monkeypatch)
    assert bits(compiled._model(scene(mesh))) == bits(first)
    assert len(seen) == 1
    assert bits(compiled._model(scene(mesh))) == bits(first)
    assert len(seen) == 1, "and kept again"


def test_a_disk_that_takes_nothing_costs_time_only(folder: Path, mesh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    seen = compiles(monkeypatch)
    assert bits(compiled._model(scene(mesh))) == bits(compiled._model(scene(mesh)))
    assert len(seen) == 2


def test_what_was_not_used_for_longest_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 2500)
    for number, name in enumerate("abc"):
        kept.keep("rgb", name, np.full(1000, number, np.uint8))
        for age, path in enumerate(sorted(folder.iterdir(), reverse=True)):
            os.utime(path, (1e9 - age, 1e9 - age))
        if name == "b":
            assert kept.find("rgb", "a") is not None, "which marks it as used"
    assert kept.find("rgb", "b") is None
    assert kept.find("rgb", "a") is not None
    assert kept.find("rgb", "c") is not None


def test_scenes_of_single_tasks_take_only_the_room_that_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 2500)
    kept.keep("rgb", "base", np.full(1000, 0, np.uint8))
    for number in range(1, 9):
        kept.keep("rgb", f"variant {number}", np.full(1000, number, np.uint8), shared=False)
    assert kept.find("rgb", "base") is not None, "not driven out by a list of variants"
    assert kept.find("rgb", "variant 1") is not None, "nor the first by the last"
    assert len(list(folder.iterdir())) == 2
    os.utime(kept.find("rgb", "variant 1") or "", (1e9, 1e9))
    kept.keep("rgb", "another base", np.full(1000, 9, np.uint8))
    assert kept.find("rgb", "variant 1") is None, "gives way to what several tasks need"


@pytest.mark.parametrize("dimension", ["original", "camera", "language", "light", "background", "layout"])
def test_variants_with_a_scene_of_their_own_are_kept_as_single_ones(
    dimension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Compiled(NamedTuple):
        digest: str

    class Built(NamedTuple):
        compiled: Compiled

    kept_as = []

    def compile_scene(_xml: str, digest: str, *, shared: bool) -> Compiled:
        kept_as.append(shared)
        return Compiled(digest)

    monkeypatch.setattr(scenes, "CompiledScene", compile_scene)
    monkeypatch.setattr(scenes, "build", lambda _path, compiled, *, spares: Built(compiled("<mujoco/>")))
    cache = scenes.SceneCache(None, None)
    monkeypatch.setattr(cache, "_nbytes", lambda: 0)
    task = next(task for task in tasks() if task.dimension.value == dimension)
    cache.scene(task)
    assert kept_as == [dimension in ("original", "camera", "language")]


def test_many_writers_at_once_leave_whole_files(folder: Path) -> None:
    content = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8)

    def work(_: int) -> bool:
        kept.keep("rgb", "same", content)
        path = kept.find("rgb", "same")
        return path is not None and path.read_bytes() == content.tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))
    assert len(list(folder.iterdir())) == 1
