"""What table, walls and floor of a compiled scene look like under a perturbation: other textures, other tints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import mujoco

from pytest_robustplus.benchmarks.libero_plus import assets as merged_assets
from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.rasters import Cover, Source
from pytest_robustplus.errors import unknown
from pytest_robustplus.perturbations import Background
from pytest_robustplus.perturbations.background import SURFACES

# The materials of LIBERO's six arenas.
_MATERIALS = {
    "table": ("table_texture", "table_legs", "living_room_table", "desk", "short_coffee_table"),
    "wall": ("walls_mat",),
    "floor": ("floorplane",),
}
_COLOUR_ROLE = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)


@cache
def texture_files() -> Mapping[str, Path]:
    """Return the packaged surface textures by name: 35 woods, tiles, plasters and stones."""
    return {path.stem: path for path in sorted((merged_assets.package_folder() / "textures").glob("*.png"))}


def tint(model: Any, background: Background) -> None:
    """Multiply the colours of the surfaces' materials; those of a texture end at full brightness."""
    for surface, materials in _worn(model).items():
        red, green, blue = getattr(background, f"{surface}_tint")
        for material in materials:
            model.mat_rgba[material, :3] *= (red, green, blue)


def covers(scene: CompiledScene, background: Background, where: str) -> dict[int, Source]:
    """Return what replaces the scene's textures, by their numbers; ``where`` says in an error who asked.

    Raises ``BadInputError`` for a texture that the packages do not hold.
    """
    found: dict[int, Source] = {}
    own = {texture.number: texture for texture in scene.textures if texture.file}
    for surface, materials in _worn(scene.model).items():
        wanted = getattr(background, surface)
        if wanted is None or not background.blend:
            continue
        if isinstance(wanted, str):
            if wanted not in texture_files():
                raise unknown("surface texture", wanted, list(texture_files()), where=where)
            wanted = str(texture_files()[wanted])
        for material in materials:
            number = int(scene.model.mat_texid[material, _COLOUR_ROLE])
            if number not in own:
                continue
            replaced = own[number]
            flat = replaced.attributes == (("type", "2d"),)
            if isinstance(wanted, str) and background.blend == 1 and flat:
                found[number] = (wanted, replaced.attributes)
            else:
                found[number] = Cover(wanted, replaced.file, background.blend, replaced.attributes)
    return found


def _worn(model: Any) -> dict[str, list[int]]:
    """Material numbers of each surface; where things stand on the floor, the floor is the table too."""
    numbers = {
        surface: [
            number
            for name in _MATERIALS[surface]
            if (number := mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_MATERIAL, name)) >= 0
            and (model.geom_matid == number).any()
        ]
        for surface in SURFACES
    }
    numbers["table"] = numbers["table"] or numbers["floor"]
    return numbers
