"""Drawing scenes exactly as robosuite's offscreen renderer does, in one GL context per simulator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene
from pytest_robustplus.benchmarks.libero_plus.textures import Source, TextureLibrary
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.contract import Image

_MOST_GEOMS = 1000  # as robosuite's renderer
_BUFFER = (640, 480)
_BUFFER_BYTES = 20_000_000
_CORNER_BYTES = 32
_SHADOW_FIELDS = ("shadowSize", "shadowFBO", "shadowTex")
_SHADOW_SIZE = 2048
_UNDRAWN = 5  # a group of geoms that no option shows


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
        self.textures = TextureLibrary()
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
        from OpenGL import GL

        self.activate()
        return str(GL.glGetString(GL.GL_RENDERER).decode())

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
        model.vis.global_.offwidth = max(int(model.vis.global_.offwidth), size)
        model.vis.global_.offheight = max(int(model.vis.global_.offheight), size)
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
        groups = model.geom_group.copy()
        model.geom_group[self._out_of_frame(data)] = _UNDRAWN
        mujoco.mjv_updateScene(
            model, data, self._options, self._perturb, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._shown
        )
        model.geom_group[:] = groups
        viewport = mujoco.MjrRect(0, 0, size, size)
        mujoco.mjr_render(viewport, self._shown, self._context)
        image = np.empty((size, size, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return image

    def _out_of_frame(self, data: Any) -> NDArray[np.bool_]:
        """Geoms whose bounding spheres lie outside what the camera sees, whose triangles would be drawn to no effect.

        Saves a tenth of the wrist camera's time in libero_object and changes no bit. None where a mirror or a shadow
        could show them all the same.
        """
        model, camera = self._scene.model, self._camera.fixedcamid
        if self._mirrors or model.light_castshadow.any():
            return np.zeros(model.ngeom, bool)
        half = np.radians(model.cam_fovy[camera]) / 2
        across, along = np.cos(half), np.sin(half)
        # The camera looks along its negative z axis; frames are square.
        x, y, z = ((data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)).T
        beyond = np.maximum.reduce([z, np.abs(x) * across + z * along, np.abs(y) * across + z * along])
        # Planes have no bounding sphere.
        outside: NDArray[np.bool_] = (model.geom_rbound > 0) & (beyond > model.geom_rbound)
        return outside

    @property
    def nbytes(self) -> int:
        """Roughly what the driver keeps for the scene's shapes and frames; its textures are the canvas'."""
        return int(self._scene.model.nmeshface) * 3 * _CORNER_BYTES + _BUFFER_BYTES

    def close(self) -> None:
        """Free the scene's own part of the GL context and give its textures back."""
        self._canvas.activate()
        if self._borrows_shadows:
            for field in _SHADOW_FIELDS:
                setattr(self._context, field, 0)
        for number, source in self._worn.items():
            self._context.texture[number] = self._blank[number]
            self._canvas.textures.give_back(source)
        self._context.free()


def _mirrors(model: Any) -> bool:
    """Whether a scene has a surface in which MuJoCo reflects it: planes and boxes of a reflecting material do."""
    flat = np.isin(model.geom_type, (mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX))
    material = model.geom_matid[flat & (model.geom_matid >= 0) & np.isin(model.geom_group, (1, 2))]
    return bool((model.mat_reflectance[material] > 0).any())
