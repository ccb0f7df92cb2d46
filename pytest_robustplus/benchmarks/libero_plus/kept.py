"""What takes long to make and is the same on every start: kept as files in the user's cache, shared by all processes.

A file is written whole under a name of its own and then renamed, so that a reader sees all of it or none, and two
writers overwrite each other with the same. Its name holds a checksum: what a broken disk has left behind is made anew.
A folder that cannot be written, or a disk without room, costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from pytest_robustplus.benchmarks.cache import cache_folder
from pytest_robustplus.errors import BadInputError

MOST_BYTES = 3_000_000_000
"""A compiled scene is 80–130 MB, a texture up to 50; what has not been used for longest goes first."""
_AGE_OF_LEFTOVERS_S = 3600.0

COMPILER = f"MuJoCo {mujoco.__version__} on {platform.machine()}"
"""What a compiled model depends on besides its sources."""
_MODEL = "mjb"

Bytes = NDArray[np.uint8]


def digest(what: str, files: Iterable[str]) -> str:
    """Name something by its description and by the size and the time of change of every file that it is made of."""
    named = hashlib.sha256(what.encode())
    for file in sorted(set(files)):
        about = os.stat(file)
        named.update(f"\n{file} {about.st_size} {about.st_mtime_ns}".encode())
    return named.hexdigest()[:32]


def find(kind: str, name: str) -> Path | None:
    """Return the file of that name, whole and marked as just used; None if there is none."""
    try:
        folder = _folder()
        for path in folder.glob(f"{name}-*.{kind}"):
            if _checksum(np.memmap(path, np.uint8, "r")) == path.stem.rpartition("-")[2]:
                os.utime(path)
                return path
            path.unlink(missing_ok=True)
    except (OSError, ValueError, BadInputError):  # gone, empty, or not ours to read
        pass
    return None


def keep(kind: str, name: str, *parts: Bytes, shared: bool = True) -> None:
    """Write a file of some parts for the next start, if the disk lets us; drop what has not been used for longest.

    What only one task needs (not ``shared``) is written while there is room: a list of a thousand such would drive out
    everything else, and each of them before it is needed again.
    """
    with contextlib.suppress(OSError, BadInputError):
        folder = _folder()
        room = MOST_BYTES if shared else MOST_BYTES - sum(size for _, size, _ in _found(folder))
        if sum(part.nbytes for part in parts) > room:
            return
        handle, made = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                for part in parts:
                    file.write(part.data)
            os.replace(made, folder / f"{name}-{_checksum(*parts)}.{kind}")
        finally:
            Path(made).unlink(missing_ok=True)
        _make_room(folder)


def model(name: str) -> Any:
    """Return the compiled model of that name; None if there is none that MuJoCo reads."""
    if path := find(_MODEL, name):
        with contextlib.suppress(ValueError, mujoco.FatalError):
            return mujoco.MjModel.from_binary_path(str(path))
    return None


def keep_model(name: str, compiled: Any, *, shared: bool = True) -> None:
    """Write a compiled model for the next start, as ``keep`` does."""
    content = np.empty(mujoco.mj_sizeModel(compiled), np.uint8)
    mujoco.mj_saveModel(compiled, None, content)
    keep(_MODEL, name, content, shared=shared)


def _checksum(*parts: Bytes) -> str:
    checked = 0
    for part in parts:
        checked = zlib.crc32(part.data, checked)
    return f"{checked:08x}"


def _folder() -> Path:
    folder = cache_folder("libero_plus") / "kept"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _found(folder: Path) -> list[tuple[float, int, Path]]:
    """When each file was used last, its bytes, and the file."""
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    return found


def _make_room(folder: Path) -> None:
    found = sorted(_found(folder), reverse=True)
    newest = found[0][0] if found else 0.0
    total = 0
    for changed, size, path in found:
        total += size
        left_over = path.suffix == ".tmp" and changed < newest - _AGE_OF_LEFTOVERS_S
        if left_over or (total > MOST_BYTES and path.suffix != ".tmp"):
            path.unlink(missing_ok=True)
