"""RoboTwin's cameras, D435s of 320 × 240 pixels: one over the arms' shoulders, one at each wrist, one low in front."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sapien
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pytest_robustplus.benchmarks.bimanual.draws import View
from pytest_robustplus.benchmarks.bimanual.scene import TABLE, BimanualScene
from pytest_robustplus.policies.contract import Depth, Image

HEAD, LEFT, RIGHT, FRONT = "head_camera", "left_camera", "right_camera", "front_camera"
NAMES = (HEAD, LEFT, RIGHT, FRONT)
HEIGHT, WIDTH = 240, 320

_FOVY = np.radians(37.0)
_WRIST_FOVY = np.radians(75.0)  # ViperX' camera sits so near that 37° would show the fingers alone
_NEAR, _FAR = 0.02, 100.0
_EYE, _FORWARD, _LEFT = np.array([-0.032, -0.45, 1.35]), np.array([0.0, 0.6, -0.8]), np.array([-1.0, 0.0, 0.0])
_FRONT_EYE, _FRONT_FORWARD = np.array([0.0, -0.45, 0.85]), np.array([0.0, 1.0, -0.1])
# About which C1 and C2 move the camera in RoboTwin 2.0-Plus: half the table's height.
_PIVOT = np.array([0.0, 0.0, 0.37])
# Three pictures take 30 ms of lavapipe where SAPIEN's own default takes 95 (of which soft shadows 45), and the first
# one 0.4 s where that takes 10: a table of reflectances is what it computes then, and none is needed here.
_SHADER = str(Path(__file__).parent / "shader")
_TARGET, _FORMAT, _DEPTH = "Picture", "r8g8b8a8unorm", "GbufferDepth"
_NOTHING = 186  # where a ray meets nothing: the ambient light, as SAPIEN's own shader has it
_AT_WRIST = ([-0.07, 0.0, 0.09], 0.6)  # behind and above the gripper, pitched down towards its tips

Vector = NDArray[np.float64]


def mount(scene: BimanualScene, view: View, cameras: tuple[str, ...], size: tuple[int, int]) -> Mapping[str, Any]:
    """Put the named cameras into a scene; ``size`` is (height, width) in pixels."""
    height, width = size
    mounted = {}
    sapien.render.set_picture_format(_TARGET, _FORMAT)
    for name in cameras:
        component = sapien.render.RenderCameraComponent(width, height, _SHADER)
        widened = np.radians(view.fov) if name == HEAD else 0.0
        component.set_fovy(_WRIST_FOVY if name in (LEFT, RIGHT) else _FOVY + widened, True)
        component.near, component.far = _NEAR, _FAR
        component.name = name
        if name in (HEAD, FRONT):
            entity = sapien.Entity()
            entity.add_component(component)
            entity.pose = head_pose(view) if name == HEAD else _front_pose()
            scene.scene.add_entity(entity)
        else:
            place, pitch = _AT_WRIST
            component.local_pose = sapien.Pose(place, [np.cos(pitch / 2), 0.0, np.sin(pitch / 2), 0.0])
            scene.arms["left" if name == LEFT else "right"].gripper.entity.add_component(component)
        mounted[name] = component
    return mounted


def head_pose(view: View) -> Any:
    """Where the head camera is under a perturbation, as SAPIEN's pose: x forward, y left, z up."""
    way = _EYE - _PIVOT
    forward, left = _FORWARD, _LEFT
    if view.azimuth or view.elevation:
        around = Rotation.from_euler("z", view.azimuth, degrees=True)
        way = around.apply(way)
        level = np.cross([0.0, 0.0, 1.0], way)
        upwards = Rotation.from_rotvec(-np.radians(view.elevation) * level / np.linalg.norm(level))
        way = upwards.apply(way)
        both = upwards * around
        forward, left = both.apply(forward), both.apply(left)
    turn = Rotation.from_euler("ZYX", (view.yaw, view.pitch, view.roll), degrees=True)
    return _pose(_PIVOT + view.distance * way, forward, left, turn)


def _front_pose() -> Any:
    return _pose(_FRONT_EYE, _FRONT_FORWARD / np.linalg.norm(_FRONT_FORWARD), _LEFT, Rotation.identity())


def _pose(place: Vector, forward: Vector, left: Vector, turn: Rotation) -> Any:
    axes = np.stack([forward, left, np.cross(forward, left)], axis=1) @ turn.as_matrix()
    return sapien.Pose(place, Rotation.from_matrix(axes).as_quat()[[3, 0, 1, 2]])


def head_place(view: View) -> Vector:
    """Where the head camera is on the table, (3,) metres."""
    place: Vector = np.array(head_pose(view).p, np.float64) - np.array([0.0, 0.0, TABLE])
    return place


def shoot(scene: BimanualScene, mounted: Mapping[str, Any]) -> dict[str, Image]:
    """Take every camera's picture, (height, width, 3) uint8; 8–11 ms each on a processor."""
    scene.scene.update_render()
    for camera in mounted.values():
        camera.take_picture()
    return {name: _colours(camera.get_picture(_TARGET)) for name, camera in mounted.items()}


def _colours(picture: NDArray[np.uint8]) -> Image:
    colours = np.ascontiguousarray(picture[..., :3])
    colours[picture[..., 3] == 0] = _NOTHING
    return colours


def depth(camera: Any) -> Depth:
    """How far all is that the camera's last picture shows, (height, width) metres along its axis; right to 0.1 mm."""
    stored = camera.get_picture(_DEPTH).astype(np.float64)
    metres = _NEAR * _FAR / (_FAR - stored * (_FAR - _NEAR))
    return np.where(stored < 1, metres, 0).astype(np.float32)


def matrices(mounted: Mapping[str, Any]) -> dict[str, Vector]:
    """RoboTwin's matrices by rows: ``NAME.intrinsic_cv`` (9), ``.extrinsic_cv`` (12), ``.cam2world_gl`` (16)."""
    found = {}
    for name, camera in mounted.items():
        for key, matrix in (
            ("intrinsic_cv", camera.get_intrinsic_matrix()),
            ("extrinsic_cv", camera.get_extrinsic_matrix()),
            ("cam2world_gl", camera.get_model_matrix()),
        ):
            found[f"{name}.{key}"] = np.asarray(matrix, np.float64).ravel()
    return found
