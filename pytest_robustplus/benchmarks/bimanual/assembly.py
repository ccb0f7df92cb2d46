"""An arm's links as SAPIEN's components: joints, inertias, collision shapes, and meshes uploaded once a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sapien

from pytest_robustplus.benchmarks.bimanual.viperx import Frame, Link, links

# Meshes by link and place, as SAPIEN holds them; every scene draws copies that share what was uploaded.
Look = Mapping[tuple[int, int], Any]

_COLOUR = (0.12, 0.12, 0.13, 1.0)
_FRICTION = 1.5
_DENSITY = 1000.0  # of shapes; the links' masses are set
# A finger's flat inner side: 6 cm long and 8 mm thick, where its mesh has it.
_PAD_HALF = (0.030, 0.004, 0.012)
_PAD_ALONG, _PAD_INWARDS = 0.055, 0.0184


def upload() -> Look:
    """Upload the meshes of an arm."""
    material = sapien.render.RenderMaterial(base_color=list(_COLOUR))
    material.roughness, material.specular = 0.5, 0.5
    shapes = {}
    for number, link in enumerate(links()):
        for place, (mesh, frame, _) in enumerate(link.shapes):
            blank = np.zeros((len(mesh.vertices), 2), np.float32)
            shape = sapien.render.RenderShapeTriangleMesh(mesh.vertices, mesh.triangles, mesh.normals, blank, material)
            shape.local_pose = _pose(frame)
            shapes[number, place] = shape
    return shapes


def assembled(scene: Any, base: Any, look: Look | None) -> list[Any]:
    """Build the arm with its base fixed at a pose, add it to a scene and return its links; undrawn without a look."""
    material = sapien.physx.PhysxMaterial(_FRICTION, _FRICTION, 0.0)
    entities: list[Any] = []
    components: list[Any] = []
    for number, link in enumerate(links()):
        component = _component(link, components, material)
        entity = sapien.Entity()
        entity.name = component.name = link.name
        entity.add_component(component)
        if look is not None:
            entity.add_component(_drawn(number, link, look))
        entities.append(entity)
        components.append(component)
    components[0].joint.type = "fixed"
    entities[0].pose = base
    for entity in entities:
        scene.add_entity(entity)
    return components


def _component(link: Link, components: list[Any], material: Any) -> Any:
    component = sapien.physx.PhysxArticulationLinkComponent(components[link.parent] if link.parent >= 0 else None)
    for shape in _solids(link, material):
        shape.density = _DENSITY
        component.attach(shape)
    component.disable_gravity = True
    if link.inertia is not None:
        component.mass = link.inertia.mass
        component.cmass_local_pose = _pose(link.inertia.frame)
        component.inertia = link.inertia.moments
    if link.joint:
        # SAPIEN's joints turn about, or slide along, the x axis of their own frame.
        turn = sapien.Pose(q=sapien.math.shortest_rotation([1, 0, 0], link.axis))
        component.joint.name = link.joint
        component.joint.type = "prismatic" if link.sliding else "revolute"
        component.joint.pose_in_parent = _pose(link.frame) * turn
        component.joint.pose_in_child = turn
        component.joint.limit = np.array([link.limits])
    return component


def _solids(link: Link, material: Any) -> list[Any]:
    solids = []
    for mesh, frame, solid in link.shapes:
        if solid:
            shape = sapien.physx.PhysxCollisionShapeConvexMesh(
                vertices=np.unique(mesh.vertices, axis=0), scale=[1, 1, 1], material=material
            )
            shape.local_pose = _pose(frame)
            solids.append(shape)
    if "finger" in link.joint:
        pad = sapien.physx.PhysxCollisionShapeBox(half_size=_PAD_HALF, material=material)
        inwards = -_PAD_INWARDS if link.joint.startswith("left") else _PAD_INWARDS
        pad.local_pose = sapien.Pose([_PAD_ALONG, inwards, 0.0])
        solids.append(pad)
    return solids


def _drawn(number: int, link: Link, look: Look) -> Any:
    body = sapien.render.RenderBodyComponent()
    for place in range(len(link.shapes)):
        body.attach(look[number, place].clone())
    return body


def _pose(frame: Frame) -> Any:
    return sapien.Pose(frame.position, frame.quaternion)
