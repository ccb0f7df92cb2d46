"""Drawing scenes: one GL context per simulator, one upload per texture however many scenes show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mujoco
import numpy as np

from pytest_robustplus.benchmarks.libero_plus.compiled import CompiledScene, Texture
from pytest_robustplus.policies.contract import Image

_MOST_GEOMS = 1000  # as robosuite's renderer
_BUFFER = (640, 480)
_TextureKey = tuple[str, tuple[tuple[str, str], ...]]


class _Upload:
    """One texture in the GL context, and how many scenes show it."""

    def __init__(self, file: str, attributes: tuple[tuple[str, str], ...]) -> None:
        name = f"texture{Path(file).suffix}"
        root = ElementTree.Element("mujoco")
        visual = ElementTree.SubElement(root, "visual")
        ElementTree.SubElement(visual, "global", offwidth="1", offheight="1")
        ElementTree.SubElement(visual, "quality", shadowsize="0", offsamples="0")
        asset = ElementTree.SubElement(root, "asset")
        ElementTree.SubElement(asset, "texture", dict(attributes), name="texture", file=name)
        ElementTree.SubElement(root, "worldbody")
        # Handed over in memory, because MuJoCo keeps what it reads from files (50 MB a texture) for the next compile.
        model = mujoco.MjModel.from_xml_string(
            ElementTree.tostring(root, encoding="unicode"), {name: Path(file).read_bytes()}
        )
        self.context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        self.number = int(self.context.texture[0])
        # The driver keeps four bytes a pixel and, for the minified copies, a third more; a square cube map six faces.
        faces = (
            6
            if model.tex_type[0] != mujoco.mjtTexture.mjTEXTURE_2D and model.tex_width[0] == model.tex_height[0]
            else 1
        )
        self.nbytes = int(model.tex_width[0] * model.tex_height[0]) * faces * 16 // 3
        self.shown = 0


class Canvas:
    """A GL context of its own, and the textures in it; several may live in one process."""

    def __init__(self, image_size: int) -> None:
        from robosuite.utils.binding_utils import GLContext

        width, height = (max(side, image_size) for side in _BUFFER)
        # robosuite's own context: it obeys the same variables about renderer and device.
        self._context: Any = GLContext(max_width=width, max_height=height, device_id=-1)
        self._uploads: dict[_TextureKey, _Upload] = {}
        self.image_size = image_size

    def activate(self) -> None:
        """Send what follows to this context; robosuite relies on there being only one."""
        self._context.make_current()

    def borrow(self, texture: Texture) -> int:
        """Return the GL number of a texture, uploading it (0.1–1 s) when no scene shows it yet."""
        key = texture.file, texture.attributes
        if key not in self._uploads:
            self._uploads[key] = _Upload(*key)
        self._uploads[key].shown += 1
        return self._uploads[key].number

    def give_back(self, texture: Texture) -> None:
        """Free a texture when no other scene shows it."""
        key = texture.file, texture.attributes
        upload = self._uploads[key]
        upload.shown -= 1
        if not upload.shown:
            del self._uploads[key]
            upload.context.free()

    def renderer(self) -> str:
        """Name what draws, as the driver calls itself: ``llvmpipe …`` is the processor, a card's name is the card."""
        from OpenGL import GL

        self.activate()
        return str(GL.glGetString(GL.GL_RENDERER).decode())

    @property
    def nbytes(self) -> int:
        return sum(upload.nbytes for upload in self._uploads.values())

    def close(self) -> None:
        """Free the GL context; every painter must have been closed before."""
        self._context.free()


class Painter:
    """Draws one compiled scene exactly as robosuite's offscreen renderer does."""

    def __init__(self, canvas: Canvas, scene: CompiledScene) -> None:
        self._canvas, self._scene = canvas, scene
        model = scene.model
        size = canvas.image_size
        model.vis.global_.offwidth = max(int(model.vis.global_.offwidth), size)
        model.vis.global_.offheight = max(int(model.vis.global_.offheight), size)
        if not model.light_castshadow.any():
            model.vis.quality.shadowsize = 0  # saves a shadow map of 64 MB that no light would draw into
        canvas.activate()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
        self._own = {texture.number: int(self._context.texture[texture.number]) for texture in scene.textures}
        for texture in scene.textures:
            self._context.texture[texture.number] = canvas.borrow(texture)
        self._shown = mujoco.MjvScene(model, maxgeom=_MOST_GEOMS)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._options = mujoco.MjvOption()
        self._options.geomgroup[0] = 0  # collision shapes
        self._options.geomgroup[1] = 1
        self._perturb = mujoco.MjvPerturb()

    def draw(self, camera: str) -> Image:
        """Return what ``camera`` sees now: (size, size, 3), bottom row first, as OpenGL and robosuite have it."""
        model, data, size = self._scene.model, self._scene.sim.data._data, self._canvas.image_size
        self._canvas.activate()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        mujoco.mjv_updateScene(
            model, data, self._options, self._perturb, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._shown
        )
        viewport = mujoco.MjrRect(0, 0, size, size)
        mujoco.mjr_render(viewport, self._shown, self._context)
        image = np.empty((size, size, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return image

    @property
    def nbytes(self) -> int:
        """Roughly what the driver keeps: 32 bytes a corner of every triangle, and the frame's buffers."""
        return int(self._scene.model.nmeshface) * 3 * 32 + 20_000_000

    def close(self) -> None:
        """Free the scene's own part of the GL context and give its textures back."""
        self._canvas.activate()
        for texture in self._scene.textures:
            self._context.texture[texture.number] = self._own[texture.number]
            self._canvas.give_back(texture)
        self._context.free()
