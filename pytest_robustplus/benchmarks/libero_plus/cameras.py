"""Where the cameras are: the wrist's is fixed to the hand, the main one is what camera perturbations move."""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Camera, Dimension, part

MAIN = "agentview"
NAMES = {MAIN: MAIN, "wrist": "robot0_eye_in_hand"}


class _Arena:
    """Stands in for robosuite's arena and remembers where cameras are put."""

    def __init__(self) -> None:
        self.cameras: dict[str, tuple[Any, Any]] = {}

    def set_camera(self, camera_name: str, pos: Any, quat: Any, **_others: Any) -> None:
        self.cameras[camera_name] = pos, quat


class View(NamedTuple):
    """A camera perturbation as the package's environment takes it: whole degrees in [0, 360), and a factor."""

    horizon_view: int = 0
    vertical_view: int = 0
    scale_factor: float = 1.0
    end_point_rot: int = 0
    end_point_vertical: int = 0


_UNMOVED = View()
# What LIBERO-Plus' orbits and distances are about, in metres.
PIVOT = (0.0, 0.0, 0.8)


def view(task: Task) -> View:
    """Read a camera task's parameters; any other task has the unperturbed view."""
    if task.dimension is not Dimension.CAMERA:
        return _UNMOVED
    degrees = []
    for key in ("horizontal_deg", "vertical_deg", "yaw_deg", "pitch_deg"):
        value = task.parameters.get(key, 0)
        if not isinstance(value, int | float) or value != int(value):
            raise BadInputError(
                f"{task.name}: {key} is {value!r}, but LIBERO-Plus turns cameras by whole degrees. Round it."
            )
        degrees.append(int(value) % 360)
    horizontal, vertical, yaw, pitch = degrees
    return View(horizontal, vertical, float(task.parameters.get("distance_scale", 1)), yaw, pitch)


def aim(environment: Any, model: Any, task: Task) -> None:
    """Move the main camera to where a task and its generated perturbation have it.

    Where LIBERO-Plus could have the generated view too, it is LIBERO-Plus' to the last bit.
    """
    official, ours = view(task), part(task.perturbation, Camera)
    equal = official_view(ours) if official == _UNMOVED else None
    place(environment, model, equal or official)
    if equal is None:
        _move(model, ours)


def official_view(camera: Camera) -> View | None:
    """Say how LIBERO-Plus has that view; None where it has no such view, as it moves or turns, by whole degrees."""
    degrees = (camera.azimuth, camera.elevation, camera.yaw, camera.pitch)
    kinds = (any(degrees[:2]), any(degrees[2:]), camera.distance != 1)
    if sum(kinds) > 1 or camera.roll or camera.fov or any(angle != int(angle) for angle in degrees):
        return None
    horizontal, vertical, yaw, pitch = (int(angle) % 360 for angle in degrees)
    return View(horizontal, vertical, float(camera.distance), yaw, pitch)


def place(environment: Any, model: Any, view: View) -> None:
    """Move the compiled scene's main camera to where a scene compiled with ``view`` has it, to the last bit.

    The package computes the pose and rounds it to four digits, MuJoCo normalises the quaternion; both are asked.
    """
    for name, value in view._asdict().items():
        setattr(environment, name, value)
    arena = _Arena()
    environment._setup_camera(arena)
    position, quaternion = arena.cameras[MAIN]
    camera = f'<camera pos="{" ".join(map(str, position))}" quat="{" ".join(map(str, quaternion))}"/>'
    alone = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{camera}</worldbody></mujoco>")
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, MAIN)
    for field in ("cam_pos", "cam_quat", "cam_pos0", "cam_poscom0", "cam_mat0"):
        getattr(model, field)[number] = getattr(alone, field)[0]


def _move(model: Any, camera: Camera) -> None:
    """Turn the main camera on the spot, then swing it about the pivot, from where it is."""
    number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, MAIN)
    offset = model.cam_pos[number] - PIVOT
    sideways = np.cross((0.0, 0.0, 1.0), offset)  # horizontal; to the right of a camera that looks at the pivot
    orbit = _product(_turn((0, 0, 1), camera.azimuth), _turn(sideways, -camera.elevation))
    on_the_spot = _product(_turn(sideways, -camera.pitch), _turn((0, 0, 1), camera.yaw))
    quaternion = _product(orbit, on_the_spot, model.cam_quat[number], _turn((0, 0, 1), -camera.roll))
    swung = np.empty(3)
    mujoco.mju_rotVecQuat(swung, offset * camera.distance, orbit)
    model.cam_pos[number] = swung + PIVOT
    model.cam_quat[number] = quaternion
    model.cam_fovy[number] += camera.fov


def _turn(axis: Any, degrees: float) -> NDArray[np.float64]:
    quaternion = np.empty(4)
    mujoco.mju_axisAngle2Quat(quaternion, np.asarray(axis, float) / np.linalg.norm(axis), np.radians(degrees))
    return quaternion


def _product(first: NDArray[np.float64], *others: NDArray[np.float64]) -> NDArray[np.float64]:
    for other in others:
        product = np.empty(4)
        mujoco.mju_mulQuat(product, first, other)
        first = product
    return first
