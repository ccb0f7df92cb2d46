"""The ViperX 300 of gym-aloha (Apache-2.0), read from that package's MJCF: links, joints, inertias and meshes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pytest_robustplus.benchmarks.bimanual.meshes import Mesh, read_stl, simplified
from pytest_robustplus.errors import BadInputError

INSTALL = "pip install 'pytest-robustplus[bimanual]'"
JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")
FINGERS = ("left_finger", "right_finger")
# The MJCF's fingers stop 21 mm off the middle, where their meshes would not touch; 18 mm lets the pads meet.
FINGER_CLOSED, FINGER_OPEN = 0.018, 0.057
_MILLIMETRE = 0.001
_CELL = 0.006
_HIDDEN = ("9_gripper_bar", "8_gripper_prop", "1_base")  # drawn, but in nobody's way

Vector = NDArray[np.float64]


class Frame(NamedTuple):
    """A pose in the parent's frame: metres, quaternion wxyz."""

    position: Vector
    quaternion: Vector


class Shape(NamedTuple):
    """A mesh fixed to a link; ``solid`` ones collide as their convex hull."""

    mesh: Mesh
    frame: Frame
    solid: bool


class Inertia(NamedTuple):
    """Mass (kg), principal moments (kg m²) and their frame."""

    mass: float
    moments: Vector
    frame: Frame


class Link(NamedTuple):
    """One link, with the joint that carries it: ``joint`` is empty for the base."""

    name: str
    parent: int
    frame: Frame
    joint: str
    sliding: bool
    axis: Vector
    limits: tuple[float, float]
    inertia: Inertia | None
    shapes: tuple[Shape, ...]


@cache
def links() -> tuple[Link, ...]:
    """The arm's links, parents first; its base stands at the origin and reaches along x."""
    folder = _assets()
    dependencies = ET.parse(folder / "vx300s_dependencies.xml").getroot()
    files = {mesh.get("name", ""): folder / mesh.get("file", "") for mesh in dependencies.iter("mesh")}
    root = ET.parse(folder / "vx300s_left.xml").getroot().find("body")
    if root is None:
        raise BadInputError(f"{folder / 'vx300s_left.xml'} holds no arm. Install the package again: {INSTALL}")
    found: list[Link] = []
    _collect(root, -1, files, found)
    base = found[0]._replace(frame=Frame(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])))
    return (base, *found[1:])


def _assets() -> Path:
    package = find_spec("gym_aloha")
    if package is None or package.origin is None:
        raise BadInputError(f"The bimanual benchmark needs gym-aloha's arms and SAPIEN. Run: {INSTALL}")
    return Path(package.origin).parent / "assets"


def _collect(body: ET.Element, parent: int, files: dict[str, Path], found: list[Link]) -> None:
    name = body.get("name", "").partition("/")[2] or "base"
    if name == "camera_focus":
        return
    shapes = tuple(_shape(geom, files) for geom in body.findall("geom"))
    joint = body.find("joint")
    if parent >= 0 and joint is None:  # the propeller: part of the gripper
        at = _frame(body)
        moved = tuple(shape._replace(frame=_within(at, shape.frame)) for shape in shapes)
        found[parent] = found[parent]._replace(shapes=(*found[parent].shapes, *moved))
        return
    inertial = body.find("inertial")
    low, high = _numbers(joint, "range") if joint is not None else (0.0, 0.0)
    label = joint.get("name", "").partition("/")[2] if joint is not None else ""
    if label in FINGERS:
        low, high = (FINGER_CLOSED, FINGER_OPEN) if label == FINGERS[0] else (-FINGER_OPEN, -FINGER_CLOSED)
    found.append(
        Link(
            name=name,
            parent=parent,
            frame=_frame(body),
            joint=label,
            sliding=joint is not None and joint.get("type") == "slide",
            axis=_numbers(joint, "axis") if joint is not None else np.zeros(3),
            limits=(float(low), float(high)),
            inertia=None if inertial is None else _inertia(inertial),
            shapes=shapes,
        )
    )
    here = len(found) - 1
    for child in body.findall("body"):
        _collect(child, here, files, found)


def _shape(geom: ET.Element, files: dict[str, Path]) -> Shape:
    corners = read_stl(files[geom.get("mesh", "")]) * _MILLIMETRE
    name = geom.get("name", "").partition("/")[2]
    # Fingers collide as flat pads, which arms.py adds.
    return Shape(simplified(corners, _CELL), _frame(geom), name not in _HIDDEN and "finger" not in name)


def _inertia(element: ET.Element) -> Inertia:
    return Inertia(float(element.get("mass", "0")), _numbers(element, "diaginertia"), _frame(element))


def _frame(element: ET.Element) -> Frame:
    position = _numbers(element, "pos") if element.get("pos") else np.zeros(3)
    if element.get("quat"):
        return Frame(position, _numbers(element, "quat"))
    if element.get("euler"):
        return Frame(position, Rotation.from_euler("XYZ", _numbers(element, "euler")).as_quat()[[3, 0, 1, 2]])
    return Frame(position, np.array([1.0, 0.0, 0.0, 0.0]))


def _within(outer: Frame, inner: Frame) -> Frame:
    turn = Rotation.from_quat(outer.quaternion[[1, 2, 3, 0]])
    both = turn * Rotation.from_quat(inner.quaternion[[1, 2, 3, 0]])
    return Frame(outer.position + turn.apply(inner.position), both.as_quat()[[3, 0, 1, 2]])


def _numbers(element: ET.Element, key: str) -> Vector:
    return np.array([float(number) for number in element.get(key, "").split()])
