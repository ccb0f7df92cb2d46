"""Textures in a GL context: one upload however many scenes show it, kept for the next scene while memory allows.

They are uploaded as MuJoCo does it, by calls of ours: ``MjrContext`` would draw fonts for each of them, and have every
smaller copy computed anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from pytest_robustplus.benchmarks.libero_plus import rasters
from pytest_robustplus.benchmarks.libero_plus.compiled import Attributes, Texture
from pytest_robustplus.benchmarks.libero_plus.rasters import Cover, Source


class _Upload:
    """One texture in the GL context that is current, and how many scenes show it."""

    def __init__(self, source: Source, driver: str) -> None:
        from pytest_robustplus.benchmarks.libero_plus import uploads

        if isinstance(source, Cover):
            self.number = uploads.upload(rasters.painted(source))
        else:
            self.number = _uploaded(source, driver)
        self.nbytes = rasters.nbytes(source)
        self.shown = 0


class TextureLibrary:
    """Uploads by file and declaration, least recently shown first; its GL context must be current at every call.

    ``driver`` names what draws where it computes smaller copies slowly (0.1 s for a texture of 4096² pixels, and 0.2 s
    to compile what computes them), so that they are worth keeping; else it is empty.
    """

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self._uploads: OrderedDict[Source, _Upload] = OrderedDict()

    def expect(self, textures: Sequence[Texture], covers: Iterable[Source] = ()) -> int:
        """Keep what a scene will show from being forgotten; return the bytes that its other textures will take."""
        keys: set[Source] = {(texture.file, texture.attributes) for texture in textures}
        keys.update(covers)
        for key in keys & self._uploads.keys():
            self._uploads.move_to_end(key)
        return sum(rasters.nbytes(key) for key in keys - self._uploads.keys())

    def borrow(self, source: Source) -> int:
        """Return the GL number of a texture, uploading it when it is not there (0.01 s, of 4096² pixels 0.1 s)."""
        if source not in self._uploads:
            self._uploads[source] = _Upload(source, self._driver)
        self._uploads[source].shown += 1
        self._uploads.move_to_end(source)
        return self._uploads[source].number

    def give_back(self, source: Source) -> None:
        """Say that one scene shows a texture no longer."""
        self._uploads[source].shown -= 1

    def forget_oldest(self) -> bool:
        """Free the least recently shown texture that no scene shows; say whether there was one."""
        from pytest_robustplus.benchmarks.libero_plus import uploads

        for key, upload in self._uploads.items():
            if not upload.shown:
                del self._uploads[key]
                uploads.free(upload.number)
                return True
        return False

    @property
    def nbytes(self) -> int:
        return sum(upload.nbytes for upload in self._uploads.values())


def _uploaded(source: tuple[str, Attributes], driver: str) -> int:
    """Upload a texture that is kept, or that MuJoCo makes now and that is kept then."""
    from pytest_robustplus.benchmarks.libero_plus import uploads

    name = rasters.name(source, driver)
    if known := rasters.find(name):
        return uploads.upload(known)
    raster = rasters.compiled(*source)
    number = uploads.upload(raster)
    rasters.keep(name, uploads.whole(number, raster) if driver else raster)
    return number
