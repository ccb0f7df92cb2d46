"""Giving back what MuJoCo and the C library keep for later, so that a simulator's memory stays where it is."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import mujoco

# MuJoCo keeps meshes for the next compile: 500 MB by its own account, 690 by the system's, hold all of LIBERO's. This
# much holds those of one suite.
MESH_CACHE_BYTES = 200_000_000


def forget_last_compile() -> None:
    """Let MuJoCo forget the sources of the model compiled last (50–200 MB), which it keeps to save them as XML."""
    mujoco.MjModel.from_xml_string("<mujoco/>")


def return_freed_memory() -> None:
    """Let the C library give the system back what it holds for reuse: 300 MB after a compile."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None  # glibc only
    if trim:
        trim(0)


def bound_mesh_cache() -> None:
    """Bound MuJoCo's cache of meshes, for this process; does nothing to a cache that already holds more."""
    held: Any = mujoco.mj_getCache()
    if mujoco.mj_getCacheSize(held) < MESH_CACHE_BYTES:  # MuJoCo 3.3.7 crashes when it has to drop something here
        mujoco.mj_setCacheCapacity(held, MESH_CACHE_BYTES)
