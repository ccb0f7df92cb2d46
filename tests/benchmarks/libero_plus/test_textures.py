"""What is uploaded: to the bit what MuJoCo uploads, in a first start and in one that finds it kept."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pytest_robustplus.benchmarks.cache import CACHE_VARIABLE
from pytest_robustplus.benchmarks.libero_plus import packages, rasters
from pytest_robustplus.benchmarks.libero_plus.compiled import Attributes
from pytest_robustplus.benchmarks.libero_plus.drawing import Canvas
from pytest_robustplus.benchmarks.libero_plus.textures import TextureLibrary

FLAT: Attributes = (("type", "2d"),)
SKY: Attributes = tuple(
    {
        "builtin": "gradient",
        "height": "12",
        "rgb1": ".9 .1 .2",
        "rgb2": "0 .5 1",
        "type": "skybox",
        "width": "12",
    }.items()
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "libero_plus" / "kept"


@pytest.fixture(scope="module")
def canvas() -> Iterator[Canvas]:
    packages.import_environment()
    built = Canvas(8)
    yield built
    built.close()


def picture(path: Path, *, encoded: bool = False) -> str:
    size = (11, 6, 3) if path.stem == "oblong" else (10, 10, 3)
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    about = PngInfo()
    if encoded:
        about.add(b"sRGB", b"\0")
    Image.fromarray(pixels).save(path, pnginfo=about)
    return str(path)


def theirs(file: str, attributes: Attributes) -> Any:
    """MuJoCo's own context with the one texture in it."""
    declared = " ".join(f'{name}="{value}"' for name, value in [*attributes, *([("file", file)] if file else [])])
    xml = f'<mujoco><asset><texture name="t" {declared}/></asset><worldbody/></mujoco>'
    return mujoco.MjrContext(mujoco.MjModel.from_xml_string(xml), mujoco.mjtFontScale.mjFONTSCALE_100)


def stored(number: int, *, cube: bool) -> list[Any]:
    """All that OpenGL tells of a texture: its parameters, and every level of every side."""
    from OpenGL import GL

    target = GL.GL_TEXTURE_CUBE_MAP if cube else GL.GL_TEXTURE_2D
    GL.glBindTexture(target, number)
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    asked = ("WRAP_S", "WRAP_T", "WRAP_R", "MIN_FILTER", "MAG_FILTER", "BASE_LEVEL", "MAX_LEVEL")
    told: list[Any] = [int(GL.glGetTexParameteriv(target, getattr(GL, f"GL_TEXTURE_{name}"))) for name in asked]
    for side in [GL.GL_TEXTURE_CUBE_MAP_POSITIVE_X + number for number in range(6)] if cube else [target]:
        level = 0
        while width := int(GL.glGetTexLevelParameteriv(side, level, GL.GL_TEXTURE_WIDTH)):
            height = int(GL.glGetTexLevelParameteriv(side, level, GL.GL_TEXTURE_HEIGHT))
            told.append(int(GL.glGetTexLevelParameteriv(side, level, GL.GL_TEXTURE_INTERNAL_FORMAT)))
            pixels = np.empty((height, width, 4), np.uint8)
            GL.glGetTexImage(side, level, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, pixels.ctypes.data_as(ctypes.c_void_p))
            told.append(pixels.tobytes())
            level += 1
    return told


@pytest.mark.parametrize("driver", ["", "a driver"])
@pytest.mark.parametrize(
    ("kind", "attributes"),
    [("square", FLAT), ("oblong", FLAT), ("encoded", FLAT), ("square", (("type", "cube"),)), ("", SKY)],
)
def test_an_upload_is_mujocos(
    canvas: Canvas, folder: Path, tmp_path: Path, kind: str, attributes: Attributes, driver: str
) -> None:
    file = picture(tmp_path / f"{kind}.png", encoded=kind == "encoded") if kind else ""
    canvas.activate()
    context = theirs(file, attributes)
    expected = stored(int(context.texture[0]), cube=attributes != FLAT)
    context.free()
    assert len(expected) > 7 + 2 * 3, "more than one level"
    for _ in ("made", "found"):
        library = TextureLibrary(driver)
        assert stored(library.borrow((file, attributes)), cube=attributes != FLAT) == expected
        library.give_back((file, attributes))
        assert library.forget_oldest()
    (path,) = folder.iterdir()
    assert path.suffix == ".pixels"


def test_another_file_under_the_same_name_and_another_driver_are_other_textures(folder: Path, tmp_path: Path) -> None:
    file = picture(tmp_path / "square.png")
    names = {rasters.name((file, FLAT), driver) for driver in ("", "a driver", "another")}
    os.utime(file, (1, 1))
    names |= {rasters.name((file, attributes), "") for attributes in (FLAT, (("type", "cube"),))}
    assert len(names) == 5
