"""Drawing scenes exactly as robosuite's offscreen renderer does, in one GL context per simulator."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.passes import Passes, View, known
from pytest_robustplus.benchmarks.libero_plus.rasters import Source
from pytest_robustplus.benchmarks.libero_plus.resting import Resting
from pytest_robustplus.benchmarks.libero_plus.textures import TextureLibrary
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Depth, Image

_MOST_GEOMS = 1000  # as robosuite's renderer
_BUFFER = (640, 480)
_PIXEL_BYTES = 60  # of a frame: colour, depth and stencil of four samples, and of what they become
_CORNER_BYTES = 32
_SHADOW_FIELDS = ("shadowSize", "shadowFBO", "shadowTex")
_SHADOW_SIZE = 2048
_UNDRAWN = 5  # a group of geoms that no option shows
_CORNERS = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
_MARGIN = 0.02  # metres, and a share of a frame: what is so near to an edge counts as inside
_NEAR = 0.002  # metres: so does a box that is so near to it


class Canvas:
    """A GL context of its own, and the textures in it; several may live in one process."""

    def __init__(self, image_size: int) -> None:
        from robosuite.utils.binding_utils import GLContext

        width, height = (max(side, image_size) for side in _BUFFER)
        try:
            # robosuite's own context: it obeys the same variables about renderer and device.
            self._context: Any = GLContext(max_width=width, max_height=height, device_id=-1)
        except Exception as error:
            # Bindings raise whatever they like, AttributeError among it, where a library or a device is missing.
            raise BadInputError(
                f"Nothing can be drawn: MUJOCO_GL={os.environ.get('MUJOCO_GL', '')} made no GL context ({error}). Set "
                "MUJOCO_GL to egl or osmesa, MUJOCO_EGL_DEVICE_ID to a device that this process may use, or install "
                "the libraries: apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6"
            ) from error
        self.textures = TextureLibrary(f"{self.renderer()}, {self._told('GL_VERSION')}" if self.software else "")
        self.image_size = image_size
        self._shadows: Any = None

    def activate(self) -> None:
        """Send what follows to this context; robosuite relies on there being only one."""
        self._context.make_current()

    def lend_shadows(self, context: Any) -> None:
        """Give a scene that was drawn without shadows the canvas' shadow map, made when the first one needs it (30 ms).

        A scene's own would need its shapes uploaded again.
        """
        if self._shadows is None:
            sizes = f'<global offwidth="1" offheight="1"/><quality shadowsize="{_SHADOW_SIZE}" offsamples="0"/>'
            empty = mujoco.MjModel.from_xml_string(f"<mujoco><visual>{sizes}</visual></mujoco>")
            self._shadows = mujoco.MjrContext(empty, mujoco.mjtFontScale.mjFONTSCALE_50)
        for field in _SHADOW_FIELDS:
            setattr(context, field, getattr(self._shadows, field))

    def renderer(self) -> str:
        """Name what draws, as the driver calls itself: ``llvmpipe …`` is the processor, a card's name is the card."""
        return self._told("GL_RENDERER")

    def _told(self, what: str) -> str:
        from OpenGL.raw.GL.VERSION import GL_1_1  # OpenGL.GL takes 0.1 s to import

        self.activate()
        return ctypes.string_at(GL_1_1.glGetString(getattr(GL_1_1, what))).decode()

    @cached_property
    def software(self) -> bool:
        """Whether the processor draws, so that what is drawn in vain takes its time."""
        return self.renderer().startswith(("llvmpipe", "softpipe"))

    @cached_property
    def rounds_finely(self) -> bool:
        """Whether what draws is known to round corners to 1/256 of a pixel."""
        return self.renderer().startswith("llvmpipe")

    def compile(self) -> None:
        """Make the machine code that drawing takes (0.7 s, unless an earlier start has kept it)."""
        if self.rounds_finely:
            from pytest_robustplus.benchmarks.libero_plus import resting_loops  # noqa: F401

    def close(self) -> None:
        """Free the GL context; every painter must have been closed before."""
        self.activate()
        while self.textures.forget_oldest():
            pass
        if self._shadows is not None:
            self._shadows.free()
        self._context.free()


class Painter:
    """Draws one compiled scene."""

    def __init__(self, canvas: Canvas, scene: CompiledScene) -> None:
        self._canvas, self._scene = canvas, scene
        model = scene.model
        size = canvas.image_size
        model.vis.global_.offwidth = model.vis.global_.offheight = size  # robosuite's own frame has 640 × 480 pixels
        if not scene.casts_shadows:
            model.vis.quality.shadowsize = 0  # saves a shadow map of 64 MB that no light would draw into
        canvas.activate()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
        self._blank = {texture.number: int(self._context.texture[texture.number]) for texture in scene.textures}
        self._sources: dict[int, Source] = {texture.number: texture[1:] for texture in scene.textures}
        self._worn: dict[int, Source] = {}
        self.dress({})
        self._borrows_shadows = False
        self._shown = mujoco.MjvScene(model, maxgeom=_MOST_GEOMS)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._options = mujoco.MjvOption()
        self._options.geomgroup[0] = 0  # collision shapes
        self._options.geomgroup[1] = 1
        self._perturb = mujoco.MjvPerturb()
        self._mirrors = _mirrors(model)
        self._passes: Passes | None = None
        self._resting: Resting | None = None

    def dress(self, covers: Mapping[int, Source]) -> None:
        """Show other textures in place of the scene's own, and its own everywhere else (10–150 ms for a new one)."""
        self._canvas.activate()
        for number, source in {**self._sources, **covers}.items():
            if (worn := self._worn.get(number)) != source:
                self._context.texture[number] = self._canvas.textures.borrow(source)
                if worn is not None:
                    self._canvas.textures.give_back(worn)
                self._worn[number] = source

    def draw(self, camera: str) -> Image:
        """Return what ``camera`` sees now: (size, size, 3), bottom row first, as OpenGL and robosuite have it."""
        model, data, size = self._scene.model, self._scene.sim.data._data, self._canvas.image_size
        self._canvas.activate()
        if model.light_castshadow.any() and not self._context.shadowSize:
            self._canvas.lend_shadows(self._context)
            self._borrows_shadows = True
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        instead = self._resting_lists(data)
        groups = model.geom_group.copy()
        view = self._in_view(data)
        model.geom_group[view.outside & view.unmirrored] = _UNDRAWN
        self._shown.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = view.reflecting
        if (view.reflecting or instead) and self._passes is None and self._canvas.software and known():
            self._passes = Passes(model, self._context)
        mujoco.mjv_updateScene(
            model, data, self._options, self._perturb, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._shown
        )
        model.geom_group[:] = groups
        viewport = mujoco.MjrRect(0, 0, size, size)
        with self._passes.drawing(self._shown, view, instead) if self._passes else nullcontext():
            mujoco.mjr_render(viewport, self._shown, self._context)
        image = np.empty((size, size, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return image

    def _resting_lists(self, data: Any) -> Mapping[int, int]:
        """What to draw of meshes that rest before the camera, where the processor draws; shadows are of all of them."""
        model = self._scene.model
        if not self._canvas.rounds_finely or not known() or model.light_castshadow.any():
            return {}
        if self._resting is None:
            self._resting = Resting(model, self._context, self._canvas.image_size)
        return self._resting.lists(data, self._camera.fixedcamid)

    def depth(self) -> Depth:
        """How far all is that the last picture shows: (size, size) metres along the camera's axis, bottom row first."""
        model, size = self._scene.model, self._canvas.image_size
        stored = np.empty((size, size), np.float32)
        mujoco.mjr_readPixels(None, stored, mujoco.MjrRect(0, 0, size, size), self._context)
        near, far = (limit * model.stat.extent for limit in (model.vis.map.znear, model.vis.map.zfar))
        metres = near / (1 - stored.astype(np.float64) * (1 - near / far))
        return np.where(stored < 1, metres, 0).astype(np.float32)

    def _in_view(self, data: Any) -> View:
        """Which geoms may be left out of the frame, and of a mirror, without changing a bit.

        Of the frame when the boxes around them lie outside what the camera sees; of a mirror when these lie behind it,
        or their images outside it. Saves a tenth of the wrist camera's time in libero_object, a mirror out of view half
        of a picture's, and one that shows little nearly as much.
        """
        model, camera = self._scene.model, self._camera.fixedcamid
        edge = np.tan(np.radians(model.cam_fovy[camera]) / 2)
        frame = Window(np.full(2, -edge), np.full(2, edge))  # frames are square
        eye, turn = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
        boxes = Boxes.of(model, data)
        # Planes have no bounds; what casts a shadow shows where it is not.
        bounded = model.geom_rbound > 0
        outside = frame.without(boxes.seen(eye, turn)) & bounded & (not model.light_castshadow.any())
        unmirrored, reflecting = np.ones(model.ngeom, bool), False
        for mirror in self._mirrors:
            place, axes = data.geom_xpos[mirror], data.geom_xmat[mirror].reshape(3, 3)
            width, height, depth = model.geom_size[mirror]
            box = model.geom_type[mirror] == mujoco.mjtGeom.mjGEOM_BOX
            if not (width and height):  # a plane without end
                return View(outside, np.zeros(model.ngeom, bool), True)
            normal = axes[:, 2]
            # MuJoCo reflects in the upper side of a box.
            place = place + normal * depth * box
            if (eye - place) @ normal < -_MARGIN:
                continue
            corners = place + _CORNERS * (width, height) @ axes[:, :2].T
            seen = frame.part((corners - eye) @ turn)
            if seen is None:
                continue
            reflecting = True
            behind = boxes.beyond(place, -normal[None]) > _MARGIN
            unmirrored &= bounded & (behind | seen.without(boxes.mirrored(place, normal).seen(eye, turn)))
        return View(outside, unmirrored, reflecting)

    @property
    def nbytes(self) -> int:
        """Roughly what the driver keeps for the scene's shapes and frames; its textures are the canvas'."""
        return int(self._scene.model.nmeshface) * 3 * _CORNER_BYTES + self._canvas.image_size**2 * _PIXEL_BYTES

    def close(self) -> None:
        """Free the scene's own part of the GL context and give its textures back."""
        self._canvas.activate()
        if self._passes is not None:
            self._passes.free()
        if self._resting is not None:
            self._resting.free()
        if self._borrows_shadows:
            for field in _SHADOW_FIELDS:
                setattr(self._context, field, 0)
        for number, source in self._worn.items():
            self._context.texture[number] = self._blank[number]
            self._canvas.textures.give_back(source)
        self._context.free()


class Boxes(NamedTuple):
    """Boxes around geoms: centres (n, 3), and the halves of their edges, (n, 3, 3), one after the other."""

    centres: NDArray[np.float64]
    halves: NDArray[np.float64]

    @classmethod
    def of(cls, model: Any, data: Any) -> Boxes:
        """Where they are now."""
        turns = data.geom_xmat.reshape(-1, 3, 3).swapaxes(1, 2)
        centres = data.geom_xpos + np.einsum("ni,nij->nj", model.geom_aabb[:, :3], turns)
        return cls(centres, model.geom_aabb[:, 3:, None] * turns)

    def seen(self, eye: NDArray[np.float64], turn: NDArray[np.float64]) -> Boxes:
        """The same boxes in a camera's frame."""
        return Boxes((self.centres - eye) @ turn, self.halves @ turn)

    def mirrored(self, place: NDArray[np.float64], normal: NDArray[np.float64]) -> Boxes:
        """Their images in a plane."""
        centres = self.centres - 2 * ((self.centres - place) @ normal)[:, None] * normal
        return Boxes(centres, self.halves - 2 * (self.halves @ normal)[..., None] * normal)

    def beyond(self, place: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far they lie beyond one of some planes (m, 3) through a place, all of a box and at least."""
        nearest = (self.centres - place) @ normals.T - np.abs(self.halves @ normals.T).sum(axis=1)
        found: NDArray[np.float64] = nearest.max(axis=1)
        return found


class Window(NamedTuple):
    """A part of what a camera sees: from where to where x and y lie of what is one unit in front of it.

    It may be smaller yet: ``sides`` are normals (n, 3), outwards, of planes through the camera.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sides: NDArray[np.float64] = np.empty((0, 3))

    def without(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Which boxes in the camera's frame, which looks along its negative z axis, lie outside of what it sees."""
        sides = np.array(
            [
                (0, 0, 1),
                *((-1, 0, -self.low[0]), (1, 0, self.high[0])),
                *((0, -1, -self.low[1]), (0, 1, self.high[1])),
                *self.sides,
            ]
        )
        sides /= np.linalg.norm(sides, axis=1, keepdims=True)
        return boxes.beyond(np.zeros(3), sides) > _NEAR

    def part(self, corners: NDArray[np.float64]) -> Window | None:
        """The part in which a flat piece with these corners (n, 3), in turn, may be seen, or more; None if nowhere."""
        if (corners[:, 2] > -_MARGIN).any():  # some are beside or behind the camera
            return None if (corners[:, 2] > _MARGIN).all() else self
        across = corners[:, :2] / -corners[:, 2:]
        margin = (self.high - self.low) * _MARGIN
        low = np.maximum(across.min(axis=0) - margin, self.low)
        high = np.minimum(across.max(axis=0) + margin, self.high)
        if (low >= high).any():
            return None
        sides = np.cross(corners, np.roll(corners, -1, axis=0))
        depths = sides @ corners.mean(axis=0)
        # From the side it is too flat to tell in from out.
        flat = np.abs(depths) < _MARGIN * np.linalg.norm(sides, axis=1) * np.linalg.norm(corners.mean(axis=0))
        return Window(low, high, np.empty((0, 3)) if flat.any() else -np.sign(depths)[:, None] * sides)


def _mirrors(model: Any) -> NDArray[np.intp]:
    """The geoms in which MuJoCo reflects a scene: planes and boxes of a reflecting material."""
    flat = np.isin(model.geom_type, (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX))
    shown = flat & (model.geom_matid >= 0) & np.isin(model.geom_group, (1, 2))
    shown[shown] = model.mat_reflectance[model.geom_matid[shown]] > 0
    return np.flatnonzero(shown)
