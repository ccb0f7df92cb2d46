"""What Vulkan offers on this machine, asked through its loader alone: drivers' manifests and the devices they show."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

VARIABLES = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES")  # of loaders from 1.3.207 on, and before

FOLDERS = (
    Path("/etc/vulkan/icd.d"),
    Path("/usr/local/share/vulkan/icd.d"),
    Path("/usr/share/vulkan/icd.d"),
    Path("~/.local/share/vulkan/icd.d").expanduser(),
)
_SWIFTSHADER = "vk_swiftshader_icd.json"
# Chromium and Chrome bring SwiftShader along; Playwright and Puppeteer bring a Chromium along.
_BROWSERS = (
    (Path("/usr/lib"), "chromium*"),
    (Path("/opt/google"), "chrome*"),
    (Path("~/.cache/ms-playwright").expanduser(), "chromium*/chrome-linux*"),
    (Path("~/.cache/puppeteer/chrome").expanduser(), "*/chrome-linux*"),
)
_APPLICATION = (0, None, None, 0, None, 0, 1 << 22 | 1 << 12)  # VkApplicationInfo asking for Vulkan 1.1
_KINDS = ("other", "integrated", "discrete", "virtual", "cpu")
_PROPERTIES_TYPE, _DRIVER_TYPE = 1000059001, 1000196000


class Device(NamedTuple):
    """A physical device and what its driver says of itself; ``kind``: other, integrated, discrete, virtual or cpu."""

    name: str
    kind: str
    driver: str


def lavapipe() -> Path | None:
    """The manifest of Mesa's software rasteriser: ``lvp_icd.json``, or ``lvp_icd.x86_64.json`` in older packages."""
    return next((path for folder in FOLDERS for path in sorted(folder.glob("lvp_icd*.json"))), None)


def swiftshader() -> Path | None:
    """The manifest of a SwiftShader whose library is there, from a system folder or a browser's."""
    folders = [*FOLDERS, *(found for root, pattern in _BROWSERS for found in sorted(root.glob(pattern)))]
    return next((folder / _SWIFTSHADER for folder in folders if _usable(folder / _SWIFTSHADER)), None)


def _usable(manifest: Path) -> bool:
    try:
        library = json.loads(manifest.read_text(encoding="utf-8"))["ICD"]["library_path"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return (manifest.parent / library).is_file() if "/" in library else True


@contextmanager
def restricted(manifest: Path | None) -> Iterator[None]:
    """Let the block see the one driver of ``manifest``, or what the caller's environment says."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    if manifest is not None:
        os.environ.update(dict.fromkeys(VARIABLES, str(manifest)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def devices(manifest: Path | None = None) -> list[Device]:
    """The devices that the loader shows, with one driver or with all; empty without a loader. Takes 10–60 ms."""
    try:
        loader = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return []
    with restricted(manifest):
        return _enumerate(loader)


class _Application(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("version", ctypes.c_uint32),
        ("engine", ctypes.c_char_p),
        ("engine_version", ctypes.c_uint32),
        ("api", ctypes.c_uint32),
    )


class _Creation(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.POINTER(_Application)),
        ("layers", ctypes.c_uint32),
        ("layer_names", ctypes.c_void_p),
        ("extensions", ctypes.c_uint32),
        ("extension_names", ctypes.c_void_p),
    )


class _Driver(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("number", ctypes.c_int),
        ("name", ctypes.c_char * 256),
        ("info", ctypes.c_char * 256),
        ("conformance", ctypes.c_uint8 * 4),
    )


class _Properties(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("api", ctypes.c_uint32),
        ("version", ctypes.c_uint32),
        ("vendor", ctypes.c_uint32),
        ("device", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
        ("rest", ctypes.c_uint8 * 4096),  # limits and more: 556 bytes as of Vulkan 1.3
    )


def _enumerate(loader: Any) -> list[Device]:
    application = _Application(*_APPLICATION)
    creation = _Creation(1, None, 0, ctypes.pointer(application), 0, None, 0, None)
    instance = ctypes.c_void_p()
    if loader.vkCreateInstance(ctypes.byref(creation), None, ctypes.byref(instance)) != 0:
        return []
    try:
        count = ctypes.c_uint32(0)
        loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
        handles = (ctypes.c_void_p * count.value)()
        loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
        return [_describe(loader, ctypes.c_void_p(handle)) for handle in handles[: count.value]]
    finally:
        loader.vkDestroyInstance(instance, None)


def _describe(loader: Any, handle: ctypes.c_void_p) -> Device:
    driver = _Driver(type=_DRIVER_TYPE)
    properties = _Properties(type=_PROPERTIES_TYPE, next=ctypes.addressof(driver))
    loader.vkGetPhysicalDeviceProperties2(handle, ctypes.byref(properties))
    kind = _KINDS[properties.kind] if properties.kind < len(_KINDS) else "other"
    said = " ".join(part.decode("utf-8", "replace") for part in (driver.name, driver.info) if part)
    return Device(properties.name.decode("utf-8", "replace"), kind, said)
