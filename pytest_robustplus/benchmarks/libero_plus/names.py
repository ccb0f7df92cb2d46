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
_SEVERITIES = 10
# The ten severities of each noise in the order of their ids 1-50; units are pixels of the 256 × 256 frame. Zoom blends
# frames enlarged from 1 up to the limit, which itself is left out.
_NOISES: tuple[tuple[str, tuple[str, ...], tuple[tuple[float, ...], ...]], ...] = (
    (
        "motion blur",
        ("radius_px", "sigma_px"),
        ((5, 2), (8, 3), (10, 4), (12, 5), (15, 6), (18, 8), (20, 10), (25, 12), (30, 15), (35, 20)),
    ),
    ("gaussian blur", ("sigma_px",), ((1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,), (9,), (10,))),
    (
        "zoom blur",
        ("zoom_limit", "zoom_step"),
        (
            (1.11, 0.01),
            (1.16, 0.01),
            (1.21, 0.02),
            (1.26, 0.02),
            (1.31, 0.03),
            (1.36, 0.01),
            (1.41, 0.01),
            (1.46, 0.02),
            (1.51, 0.02),
            (1.56, 0.03),
        ),
    ),
    (
        "fog",
        ("thickness", "roughness_decay"),
        (
            (0.5, 3),
            (1.0, 2.8),
            (1.5, 2.5),
            (2.0, 2.2),
            (2.5, 2.0),
            (3.0, 1.8),
            (3.5, 1.6),
            (4.0, 1.5),
            (4.5, 1.4),
            (5.0, 1.3),
        ),
    ),
    (
        "glass blur",
        ("sigma_px", "shift_px", "iterations"),
        (
            (0.5, 1, 3),
            (0.7, 1, 3),
            (0.9, 2, 3),
            (1.0, 2, 2),
            (1.1, 3, 2),
            (1.3, 3, 2),
            (1.5, 4, 2),
            (1.8, 4, 2),
            (2.2, 5, 1),
            (2.5, 5, 1),
        ),
    ),
)


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
    if not 1 <= identifier <= len(_NOISES) * _SEVERITIES:
        raise BadInputError(f"LIBERO-Plus has noises 1 to {len(_NOISES) * _SEVERITIES}, not {identifier}.")
    kind, severity = divmod(identifier - 1, _SEVERITIES)
    label, keys, table = _NOISES[kind]
    return label, {"severity": severity + 1, **dict(zip(keys, table[severity], strict=True))}


def _unreadable(name: str) -> BadInputError:
    return BadInputError(
        f"The task name {name!r} is not one that LIBERO-Plus 0.1.5 uses. Expected a base task followed by one of "
        "_view_H_V_S_R_E_initstate_N[_noise_N], _language_N_view_…, _levelL_sampleS, _add_N, _table_N, _tb_N or "
        "_light_N with exactly one perturbation."
    )
