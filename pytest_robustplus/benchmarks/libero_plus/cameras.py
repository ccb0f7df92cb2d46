"""Where the cameras are: the wrist's is fixed to the hand, the main one is what camera perturbations move."""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco

from pytest_robustplus.benchmarks.contract import Task
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.perturbations import Dimension

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


def view(task: Task) -> View:
    """Read a camera task's parameters; any other task has the unperturbed view."""
    if task.dimension is not Dimension.CAMERA:
        return View()
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
