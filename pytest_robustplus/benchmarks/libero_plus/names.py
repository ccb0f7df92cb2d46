"""What a LIBERO-Plus task's name says: its base task, its dimension and the perturbation's parameters.

The package ships 10,030 names and no table of categories; the name is all that the environment itself goes by.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from pytest_robustplus.benchmarks.contract import Parameter
from pytest_robustplus.benchmarks.libero_plus.severities import KINDS, SEVERITIES, parameters
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension

_VIEW = re.compile(
    r"(?P<stem>.+)_view_(?P<horizontal>\d+)_(?P<vertical>\d+)_(?P<scale>\d+)_(?P<yaw>\d+)_(?P<pitch>\d+)"
    r"_initstate_(?P<pose>\d+)(?:_noise_(?P<noise>\d+))?"
)
_LANGUAGE = re.compile(r"(.+)_language_(\d+)")
_MOVED = re.compile(r"(.+?)(?:_moved)?_level(\d+)_sample(\d+)")
_NUMBERED = re.compile(r"(.+)_(add|light|table|tb)_(\d+)")
_NUMBERED_MEANS = {
    "add": (Dimension.LAYOUT, "added objects"),
    "light": (Dimension.LIGHT, "lights"),
    "table": (Dimension.BACKGROUND, "surface"),
    "tb": (Dimension.BACKGROUND, "surface and walls"),
}
_POSES_PER_BAND = 100


class Variant(NamedTuple):
    """A task's name, understood."""

    base: str
    dimension: Dimension
    subdimension: str
    parameters: Mapping[str, Parameter]


def parse(name: str) -> Variant:
    """Understand a name of LIBERO-Plus' task list; raises ``BadInputError`` for one of another shape.

    Camera: ``horizontal_deg`` and ``vertical_deg`` move the camera on a sphere (counter-clockwise seen from above,
    upwards), ``distance_scale`` away from the point (0, 0, 0.8) m, ``yaw_deg`` and ``pitch_deg`` turn it on the spot
    (counter-clockwise, downwards). Robot: ``pose`` is the stored joint offset (1-500) of norm ``offset_norm_rad``.
    """
    if view := _VIEW.fullmatch(name):
        return _viewed(name, view)
    if moved := _MOVED.fullmatch(name):
        return Variant(moved[1], Dimension.LAYOUT, "moved objects", {"level": int(moved[2]), "sample": int(moved[3])})
    if numbered := _NUMBERED.fullmatch(name):
        return Variant(numbered[1], *_NUMBERED_MEANS[numbered[2]], {"variant": int(numbered[3])})
    raise _unreadable(name)


def _viewed(name: str, view: re.Match[str]) -> Variant:
    horizontal, vertical, yaw, pitch = (_signed(view[angle]) for angle in ("horizontal", "vertical", "yaw", "pitch"))
    scale, pose, noise = int(view["scale"]) / 100, int(view["pose"]), int(view["noise"] or 0)
    language = _LANGUAGE.fullmatch(view["stem"])
    found: list[Variant] = []
    if language:
        found.append(Variant(language[1], Dimension.LANGUAGE, "rewritten", {"variant": int(language[2])}))
    if horizontal or vertical:
        angles: dict[str, Parameter] = {"horizontal_deg": horizontal, "vertical_deg": vertical}
        found.append(Variant(view["stem"], Dimension.CAMERA, "spherical", angles))
    if yaw or pitch:
        found.append(Variant(view["stem"], Dimension.CAMERA, "orientation", {"yaw_deg": yaw, "pitch_deg": pitch}))
    if scale != 1:
        found.append(Variant(view["stem"], Dimension.CAMERA, "distance", {"distance_scale": scale}))
    if pose:
        norm = math.ceil(pose / _POSES_PER_BAND) / 10
        found.append(Variant(view["stem"], Dimension.ROBOT, "joint offset", {"offset_norm_rad": norm, "pose": pose}))
    if noise:
        found.append(Variant(view["stem"], Dimension.NOISE, *_noise(noise)))
    if len(found) != 1:  # every name of the list changes exactly one thing
        raise _unreadable(name)
    return found[0]


def _signed(degrees: str) -> int:
    """Read an angle written from 0 to 359 as one from -180 to 179."""
    return (int(degrees) + 180) % 360 - 180


@cache
def _noise(identifier: int) -> tuple[str, Mapping[str, Parameter]]:
    if not 1 <= identifier <= len(KINDS) * SEVERITIES:
        raise BadInputError(f"LIBERO-Plus has noises 1 to {len(KINDS) * SEVERITIES}, not {identifier}.")
    kind, severity = divmod(identifier - 1, SEVERITIES)
    return KINDS[kind], {"severity": severity + 1, **parameters(KINDS[kind], severity + 1)}


def _unreadable(name: str) -> BadInputError:
    return BadInputError(
        f"The task name {name!r} is not one that LIBERO-Plus 0.1.5 uses. Expected a base task followed by one of "
        "_view_H_V_S_R_E_initstate_N[_noise_N], _language_N_view_…, _levelL_sampleS, _add_N, _table_N, _tb_N or "
        "_light_N with exactly one perturbation."
    )
