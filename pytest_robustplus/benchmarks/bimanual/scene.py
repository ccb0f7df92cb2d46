"""One episode's SAPIEN scene: table, bodies, two arms, lights. Built anew for every episode, so nothing lingers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import sapien
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.bimanual.arms import ARM_WIDTH, HOME, SIDES, Arm
from pytest_robustplus.benchmarks.bimanual.assembly import Look
from pytest_robustplus.benchmarks.bimanual.draws import Pattern, Setup
from pytest_robustplus.benchmarks.bimanual.goals import CONTROL_HZ, Body, Triple
from pytest_robustplus.benchmarks.bimanual.textures import texture

TABLE = 0.74  # height of its top, as in RoboTwin
SUBSTEPS = 10
SETTLE_SUBSTEPS = 60
OPEN = 0.6  # a gripper's opening that counts as having let go

_TABLE_HALF = (0.60, 0.35, 0.025)
_AMBIENT = (0.5, 0.5, 0.5)
_LAMPS = ((1.0, 0.0, 1.8), (-1.0, 0.0, 1.8))
_SHADOW_MAP, _SHADOW_HALF_M = 512, 1.2  # the shader softens edges over three texels, 14 mm
_SPECULAR = 0.5
_DENSITY, _FRICTION = 600.0, 1.0

Vector = NDArray[np.float64]


class BimanualScene:
    """The physics of one episode, at 250 Hz, and what draws it when there is a ``render``.

    Implements what goals look at. Positions are in metres on the table, its top at z = 0.
    """

    def __init__(self, setup: Setup, look: Look | None, device: str | None = None) -> None:
        systems: list[Any] = [sapien.physx.PhysxCpuSystem()]
        if look is not None:
            systems.append(sapien.render.RenderSystem(device) if device else sapien.render.RenderSystem())
        self.scene = sapien.Scene(systems)
        self.scene.set_timestep(1 / (CONTROL_HZ * SUBSTEPS))
        self._drawn = look is not None
        self._setup = setup
        self._friction = sapien.physx.PhysxMaterial(_FRICTION, _FRICTION, 0.0)
        self._furnish()
        self._bodies = {body.name: self._add(body) for body in (*setup.bodies, *setup.clutter)}
        self._movable = [
            entity.find_component_by_type(sapien.physx.PhysxRigidDynamicComponent)
            for body, entity in zip((*setup.bodies, *setup.clutter), self._bodies.values(), strict=True)
            if not body.fixed
        ]
        self.arms: Mapping[str, Arm] = {side: Arm(self.scene, side, TABLE, look) for side in SIDES}
        for number, arm in enumerate(self.arms.values()):
            offsets = np.array(setup.start.joints[6 * number : 6 * number + 6])
            arm.place(np.append(np.array(HOME) + offsets, setup.start.grippers[number]))
        self._targets = self.values
        if look is not None:
            self._light()
        for _ in range(SETTLE_SUBSTEPS):
            self.scene.step()

    @property
    def values(self) -> Vector:
        """RoboTwin's joint vector: six angles (radians) and the gripper (0 to 1), left and then right, (14,)."""
        return np.concatenate([arm.values for arm in self.arms.values()])

    def step(self, action: Vector) -> None:
        """Move the joint targets from the last action to this one, evenly over 40 ms."""
        before = self._targets
        for substep in range(1, SUBSTEPS + 1):
            share = substep / SUBSTEPS
            targets = before * (1 - share) + action * share
            for number, arm in enumerate(self.arms.values()):
                arm.drive(targets[number * ARM_WIDTH : (number + 1) * ARM_WIDTH].tolist())
            self.scene.step()
        self._targets = action

    def position(self, body: str) -> Vector:
        place: Vector = np.array(self._bodies[body].pose.p, np.float64)
        place[2] -= TABLE
        return place

    def pose(self, body: str) -> Any:
        """SAPIEN's pose of a body's origin, in the world."""
        return self._bodies[body].pose

    def released(self, side: str) -> bool:
        return bool(self.arms[side].values[6] > OPEN)

    def state_hash(self) -> str:
        """Digest positions and velocities of joints and bodies, and the joint targets."""
        digest = hashlib.sha256(self._targets.tobytes())
        for arm in self.arms.values():
            digest.update(arm.articulation.qpos.tobytes())
            digest.update(arm.articulation.qvel.tobytes())
        for component in self._movable:
            pose = component.entity_pose
            for value in (pose.p, pose.q, component.linear_velocity, component.angular_velocity):
                digest.update(np.asarray(value).tobytes())
        return digest.hexdigest()

    def _furnish(self) -> None:
        surfaces = self._setup.surfaces
        table = self.scene.create_actor_builder()
        table.add_box_collision(half_size=_TABLE_HALF, material=self._friction)
        if self._drawn:
            material = self._material(surfaces.table, surfaces.table_texture)
            material.metallic, material.roughness = surfaces.metallic, surfaces.roughness
            table.add_box_visual(half_size=_TABLE_HALF, material=material)
        table.set_initial_pose(sapien.Pose([0.0, 0.0, TABLE - _TABLE_HALF[2]]))
        table.build_static("table")
        if not self._drawn:
            return
        for name, half, place, colour, drawn in (
            ("wall", (3.0, 0.6, 1.5), (0.0, 1.6, 1.5), surfaces.wall, surfaces.wall_texture),
            ("floor", (3.0, 3.0, 0.01), (0.0, 0.0, -0.01), surfaces.floor, surfaces.floor_texture),
        ):
            builder = self.scene.create_actor_builder()
            builder.add_box_visual(half_size=half, material=self._material(colour, drawn))
            builder.set_initial_pose(sapien.Pose(place))
            builder.build_static(name)

    def _add(self, body: Body) -> Any:
        builder = self.scene.create_actor_builder()
        material = None
        if self._drawn:
            material = self._material(body.colour)
            lighting = self._setup.lighting
            if lighting.specular is not None and lighting.shininess is not None:
                # Blinn and Phong's exponent as the roughness of the same width of highlight.
                material.specular = lighting.specular
                material.roughness = float(np.sqrt(2 / (lighting.shininess + 2)))
        for part in body.parts:
            at = sapien.Pose(part.offset)
            builder.add_box_collision(at, half_size=part.half_size, material=self._friction, density=_DENSITY)
            if material is not None:
                builder.add_box_visual(at, half_size=part.half_size, material=material)
        turn = [np.cos(body.yaw / 2), 0.0, 0.0, np.sin(body.yaw / 2)]
        builder.set_initial_pose(sapien.Pose([body.x, body.y, TABLE + body.z], turn))
        return builder.build_static(body.name) if body.fixed else builder.build(body.name)

    def _light(self) -> None:
        lighting = self._setup.lighting
        self.scene.set_ambient_light(_AMBIENT)
        self.scene.add_directional_light(
            lighting.direction,
            lighting.directional,
            shadow=lighting.shadow,
            shadow_scale=_SHADOW_HALF_M,
            shadow_map_size=_SHADOW_MAP,
        )
        for place, colour in zip(_LAMPS, lighting.lamps, strict=True):
            self.scene.add_point_light(place, colour)

    def _material(self, colour: Triple, pattern: Pattern | None = None) -> Any:
        material = sapien.render.RenderMaterial(base_color=[*colour, 1.0])
        material.roughness = 0.5
        material.specular = min(max(_SPECULAR + self._setup.lighting.highlights, 0.0), 1.0)
        if pattern is not None:
            drawn = texture(pattern, colour)
            material.base_color_texture = sapien.render.RenderTexture2D(drawn, "R8G8B8A8Unorm")
        return material
