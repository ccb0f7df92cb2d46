"""Drawing of what rests before a camera only the triangles that a picture shows.

Scanned meshes have far more triangles than a picture has samples: of 170,000 of objects at rest in agentview of
libero_spatial 26,000 face the camera and hold a sample; the others are drawn in vain. Which ones do is found once, when
an object lies at two looks where it lay, and remains true while it has moved by less than a margin of a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

_FEWEST = 500  # faces of a mesh that is looked at
# Pixels by which corners may lie elsewhere: llvmpipe rounds to 1/256 of one, and computes with 32 bits.
_MARGIN, _USUAL_SIZE = 0.005, 512
_STILL = 0.001  # pixels by which what rests may move
_NEAREST = 0.05  # metres: nearer than that is drawn whole
_DRAWN_GROUPS = (1, 2)

Floats = NDArray[np.float64]


class _Poses(NamedTuple):
    """Where geoms lie in a camera's frame: (n, 3) and (n, 3, 3)."""

    places: Floats
    turns: Floats

    def moved(self, other: _Poses, radii: Floats) -> Floats:
        """By how many metres at most a point of each has moved, (n,)."""
        turned = np.linalg.norm(self.turns - other.turns, axis=(1, 2))
        moved: Floats = np.linalg.norm(self.places - other.places, axis=1) + radii * turned
        return moved


class _Looks:
    """What a camera of some focal length has seen: where all lay last, and where each when its list was made."""

    def __init__(self, first: int, focal: float, seen: _Poses) -> None:
        self.first, self.focal, self.last = first, focal, seen
        self.listed = _Poses(seen.places.copy(), seen.turns.copy())
        self.has_list = np.zeros(len(seen.places), bool)


class Resting:
    """The lists of one scene; its GL context has to be active whenever they are made, used or freed."""

    def __init__(self, model: Any, context: Any, size: int) -> None:
        from OpenGL.raw.GL.VERSION import GL_1_1

        self._gl, self._model, self._context, self._size = GL_1_1, model, context, size
        drawn = (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH) & np.isin(model.geom_group, _DRAWN_GROUPS)
        meshes, counts = np.unique(model.geom_dataid[drawn], return_counts=True)
        once = meshes[(counts == 1) & (model.mesh_facenum[meshes] >= _FEWEST)]
        self._geoms = np.flatnonzero(drawn & np.isin(model.geom_dataid, once))
        boxes = model.geom_aabb[self._geoms]
        self._radii: Floats = np.linalg.norm(np.abs(boxes[:, :3]) + boxes[:, 3:], axis=1)
        self._looks: dict[int, _Looks] = {}
        self._samples = _samples(int(context.offSamples))

    def lists(self, data: Any, camera: int) -> Mapping[int, int]:
        """What to draw of meshes at rest before a camera, by the numbers that geoms give them."""
        model = self._model
        focal = self._size / 2 / np.tan(np.radians(model.cam_fovy[camera]) / 2)
        eye, turn = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
        seen = _Poses(
            (data.geom_xpos[self._geoms] - eye) @ turn,
            turn.T @ data.geom_xmat[self._geoms].reshape(-1, 3, 3),
        )
        if camera not in self._looks:
            self._looks[camera] = _Looks(int(self._gl.glGenLists(2 * model.nmesh)), focal, seen)
            return {}
        looks = self._looks[camera]
        if focal != looks.focal:
            looks.has_list[:], looks.focal = False, focal
        depths = -seen.places[:, 2] - self._radii
        # A pixel's worth of metres is least where it is nearest, and half of that off the axis.
        allowed = np.where(depths > _NEAREST, _STILL * depths / (2 * focal), 0.0)
        looks.has_list &= seen.moved(looks.listed, self._radii) < allowed
        for place in np.flatnonzero(~looks.has_list & (seen.moved(looks.last, self._radii) < allowed)):
            self._make(looks, int(self._geoms[place]), seen.places[place], seen.turns[place], focal)
            looks.listed.places[place], looks.listed.turns[place] = seen.places[place], seen.turns[place]
            looks.has_list[place] = True
        looks.last = seen
        meshes = model.geom_dataid[self._geoms[looks.has_list]]
        return {2 * int(mesh): looks.first + 2 * int(mesh) for mesh in meshes}

    def free(self) -> None:
        for looks in self._looks.values():
            self._gl.glDeleteLists(looks.first, 2 * self._model.nmesh)

    def _make(self, looks: _Looks, geom: int, place: Floats, turn: Floats, focal: float) -> None:
        from pytest_robustplus.benchmarks.libero_plus.resting_loops import mark

        model = self._model
        mesh = int(model.geom_dataid[geom])
        vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
        x, y, z = (vertices.astype(float) @ turn.T + place).T
        across = self._size / 2 + focal * np.stack([x, y], axis=1) / -z[:, None]
        begin, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        margin = _MARGIN * max(1, self._size / _USUAL_SIZE)
        kept = mark(across, model.mesh_face[begin : begin + count], self._samples, float(self._size), margin)
        with self._only(mesh, kept), self._lists_at(looks.first):
            mujoco.mjr_uploadMesh(model, self._context, mesh)

    @contextmanager
    def _lists_at(self, first: int) -> Iterator[None]:
        usual = self._context.baseMesh
        self._context.baseMesh = first
        try:
            yield
        finally:
            self._context.baseMesh = usual

    @contextmanager
    def _only(self, mesh: int, kept: NDArray[np.bool_]) -> Iterator[None]:
        """Let a mesh have some of its faces alone, in their order, and no hull."""
        model = self._model
        begin, count = int(model.mesh_faceadr[mesh]), int(kept.sum())
        faces = [getattr(model, name)[begin : begin + len(kept)] for name in ("mesh_face", "mesh_facenormal")]
        if model.mesh_texcoordadr[mesh] >= 0:
            faces.append(model.mesh_facetexcoord[begin : begin + len(kept)])
        whole, hull = [array.copy() for array in faces], int(model.mesh_graphadr[mesh])
        for array, usual in zip(faces, whole, strict=True):
            array[:count] = usual[kept]
        model.mesh_facenum[mesh], model.mesh_graphadr[mesh] = count, -1
        try:
            yield
        finally:
            model.mesh_facenum[mesh], model.mesh_graphadr[mesh] = len(kept), hull
            for array, usual in zip(faces, whole, strict=True):
                array[:] = usual


def _samples(count: int) -> Floats:
    """Where a pixel is sampled (n, 2), as the driver says of the frame that is current."""
    from OpenGL.raw.GL.VERSION import GL_3_2

    told = np.full((max(count, 1), 2), 0.5, np.float32)
    for number in range(count):
        GL_3_2.glGetMultisamplefv(GL_3_2.GL_SAMPLE_POSITION, number, told[number])
    return told.astype(float)
