"""Drawing for a mirror only what it shows, and for the frame only what that shows.

``mjr_render`` draws a whole scene twice where a mirror is in view, though a stove's top shows a hand's breadth of it.
It cannot be told otherwise, but it draws by OpenGL's display lists, whose numbers its context holds, and there lists of
ours take their places, each of which looks up in a table which list to draw. OpenGL keeps where that table begins
(``glListBase``), and each pass has one. MuJoCo draws a mirror's outline by a list that nothing else uses, then the
reflected scene, then the mirror itself, which is a box: the outline's list turns to the reflection's table, and the
box's turns back. The boxes that are reflected come in between, so there is a table for each number of them that are
still to come.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

_READ = "3.3."  # how MuJoCo draws is no part of its interface: another version's drawing would have to be read first
_BOX = 6  # the box's place among MuJoCo's built-in lists
_FACES = 500  # a mesh of fewer is drawn in both passes
_OPAQUE = 0.995  # MuJoCo draws what is less behind everything else, and twice
_LISTS = {"baseMesh": "rangeMesh", "baseBuiltin": "rangeBuiltin", "basePlane": "rangePlane"}


def known() -> bool:
    """Whether this MuJoCo draws as told above."""
    return str(mujoco.__version__).startswith(_READ)


class View(NamedTuple):
    """What of a scene a picture shows: geoms that are ``outside`` the frame, that no mirror shows, and if any does."""

    outside: NDArray[np.bool_]
    unmirrored: NDArray[np.bool_]
    reflecting: bool


class _Parts(NamedTuple):
    """Meshes that a pass does without, by the numbers that geoms give them, and how many boxes a mirror reflects.

    ``instead`` are lists that the frame takes of a mesh in place of MuJoCo's.
    """

    outside: Set[int] = frozenset()
    unmirrored: Set[int] = frozenset()
    boxes: int = 0
    instead: Mapping[int, int] = MappingProxyType({})


class Passes:
    """The lists of one scene; its GL context has to be active whenever they are made, used or freed."""

    def __init__(self, model: Any, context: Any) -> None:
        from OpenGL.raw.GL.VERSION import GL_1_1  # OpenGL.GL takes 0.1 s to import

        self._gl, self._context = GL_1_1, context
        self._numbers = {field: int(getattr(context, field)) for field in _LISTS}
        large = np.flatnonzero(model.mesh_facenum >= _FACES)
        # Where a mesh stands in each table, after the box; geoms give a mesh an even number, its hull an odd one.
        self._places = {2 * int(mesh): place for place, mesh in enumerate(large, 1)}
        self._made: list[tuple[int, int]] = []
        self._frame, self._mirror = (self._allocate(len(self._places) + 1) for _ in range(2))
        self._now = _Parts()
        for mesh in self._places:
            self._write(mesh, _Parts())
        self._tables: list[int] = []
        self._add_table()
        self._replace()

    @contextmanager
    def drawing(self, shown: Any, view: View, instead: Mapping[int, int]) -> Iterator[None]:
        """Let ``mjr_render`` draw ``shown`` in this ``view``, and lists ``instead`` of meshes, but not in mirrors."""
        parts = self._parts(shown, view, instead)
        replaced = {mesh for mesh, _ in parts.instead.items() ^ self._now.instead.items()}
        for mesh in (parts.outside ^ self._now.outside) | (parts.unmirrored ^ self._now.unmirrored) | replaced:
            self._write(mesh, parts)
        while len(self._tables) < parts.boxes + 2:
            self._add_table()
        if parts.boxes != self._now.boxes:
            self._write_outline(parts.boxes)
        self._now = parts
        self._gl.glListBase(self._tables[0])
        try:
            yield
        finally:
            self._gl.glListBase(0)

    def free(self) -> None:
        """Give MuJoCo its own lists back, which it frees with its context."""
        for field, number in self._numbers.items():
            setattr(self._context, field, number)
        for first, count in self._made:
            self._gl.glDeleteLists(first, count)

    def _parts(self, shown: Any, view: View, instead: Mapping[int, int]) -> _Parts:
        """Nothing where the first mirror, which is the only one that MuJoCo lets reflect, is no box in view."""
        instead = {mesh: number for mesh, number in instead.items() if mesh in self._places}
        if not view.reflecting:
            return _Parts(instead=instead)
        kinds, boxes = mujoco.mjtGeom, 0
        outside: dict[int, bool] = {}
        unmirrored: dict[int, bool] = {}
        mirror = None
        for geom in shown.geoms[: shown.ngeom]:
            opaque = geom.rgba[3] >= _OPAQUE
            if geom.type == kinds.mjGEOM_MESH and geom.dataid in self._places:
                # Geoms may share a mesh.
                outside[geom.dataid] = outside.get(geom.dataid, True) and bool(view.outside[geom.objid])
                unmirrored[geom.dataid] = unmirrored.get(geom.dataid, True) and bool(view.unmirrored[geom.objid])
            elif geom.type in (kinds.mjGEOM_BOX, kinds.mjGEOM_PLANE):
                if mirror is None and opaque and geom.reflectance > 0:
                    mirror = geom.type
                elif geom.type == kinds.mjGEOM_BOX:
                    boxes += 1 if opaque else 2
                elif geom.dataid < 0:  # drawn by the outline's list
                    return _Parts()
        if mirror != kinds.mjGEOM_BOX:
            return _Parts()
        in_frame, in_mirror = ({mesh for mesh, out in found.items() if out} for found in (outside, unmirrored))
        return _Parts(in_frame, in_mirror, boxes, instead)

    def _write(self, mesh: int, parts: _Parts) -> None:
        """Write anew what each pass draws of a mesh."""
        usual = self._numbers["baseMesh"] + mesh
        passes = (
            (self._frame, parts.outside, parts.instead.get(mesh, usual)),
            (self._mirror, parts.unmirrored, usual),
        )
        for first, left_out, drawn in passes:
            with self._writing(first + self._places[mesh]):
                if mesh not in left_out:
                    self._gl.glCallList(drawn)

    def _write_outline(self, boxes: int) -> None:
        with self._writing(self._context.basePlane):
            self._gl.glListBase(self._tables[boxes + 1])
            self._gl.glCallList(self._numbers["basePlane"])

    def _add_table(self) -> None:
        """Add the frame's table, then the mirror's: for the mirror itself, for one box before it, and so on."""
        first, box = self._allocate(len(self._places) + 1), self._numbers["baseBuiltin"] + _BOX
        before = self._tables[-1] if self._tables else first
        with self._writing(first):
            if len(self._tables) == 1:  # the mirror itself is drawn for the frame already
                self._gl.glListBase(before)
            self._gl.glCallList(box)
            if len(self._tables) > 1:
                self._gl.glListBase(before)
        for place in self._places.values():
            with self._writing(first + place):
                self._gl.glCallList((self._mirror if self._tables else self._frame) + place)
        self._tables.append(first)

    def _replace(self) -> None:
        """Put lists of ours in the place of MuJoCo's."""
        for field, counting in _LISTS.items():
            count, own = int(getattr(self._context, counting)), self._numbers[field]
            ours = self._allocate(count)
            for place in range(count):
                with self._writing(ours + place):
                    looked_up = 0 if (field, place) == ("baseBuiltin", _BOX) else None
                    if field == "baseMesh":
                        looked_up = self._places.get(place)
                    if looked_up is None:
                        self._gl.glCallList(own + place)
                    else:
                        self._gl.glCallLists(1, self._gl.GL_UNSIGNED_INT, (ctypes.c_uint * 1)(looked_up))
            setattr(self._context, field, ours)
        self._add_table()
        self._write_outline(0)

    def _allocate(self, count: int) -> int:
        first = int(self._gl.glGenLists(count))
        self._made.append((first, count))
        return first

    @contextmanager
    def _writing(self, number: int) -> Iterator[None]:
        self._gl.glNewList(number, self._gl.GL_COMPILE)
        try:
            yield
        finally:
            self._gl.glEndList()
