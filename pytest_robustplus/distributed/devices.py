"""Which worker computes and draws on which graphics card; asks neither torch nor JAX, which would occupy one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import NamedTuple

from pytest_robustplus.errors import BadInputError

# A graphics driver that is still waking a card up has been seen to take half a minute.
TIMEOUT_S = 60.0
PCI = "ROBUSTPLUS_PCI"

# EGL counts cards in an order of its own (google-deepmind/mujoco issue 3245). EGL_NV_device_cuda says which is which:
# attribute 0x323A of a device is its number to CUDA. Asked in a process of its own, as a driver may bring one down.
_ASK_EGL = """
import ctypes
egl = ctypes.CDLL("libEGL.so.1")
egl.eglGetProcAddress.restype = ctypes.c_void_p
def function(name, *types):
    return ctypes.CFUNCTYPE(ctypes.c_uint, *types)(egl.eglGetProcAddress(name))
Devices, Number = ctypes.c_void_p * 64, ctypes.c_int
devices, count = Devices(), Number()
list_devices = function(b"eglQueryDevicesEXT", Number, ctypes.c_void_p, ctypes.POINTER(Number))
ask = function(b"eglQueryDeviceAttribEXT", ctypes.c_void_p, Number, ctypes.POINTER(ctypes.c_ssize_t))
list_devices(64, devices, ctypes.byref(count))
for index in range(count.value):
    ordinal = ctypes.c_ssize_t()
    if ask(devices[index], 0x323A, ctypes.byref(ordinal)):
        print(ordinal.value, index)
"""


class Device(NamedTuple):
    """A graphics card: ``cuda`` as CUDA_VISIBLE_DEVICES names it; its number to EGL and PCI address, where known."""

    cuda: str
    egl: int | None = None
    pci: str | None = None

    def environment(self) -> dict[str, str]:
        """What a process has to find in its environment, before torch, JAX or MuJoCo, to use this card alone."""
        # JAX takes 75 % of a card as it starts, which leaves the renderer nothing.
        found = {"CUDA_VISIBLE_DEVICES": self.cuda, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        if self.egl is not None:
            found["MUJOCO_EGL_DEVICE_ID"] = str(self.egl)
            found["CUDA_VISIBLE_DEVICES"] = _naming(self.cuda, str(self.egl))
        if self.pci is not None:
            found[PCI] = self.pci
        return found


class Leases:
    """Lends devices to workers, always the one with the fewest; a worker's lease is free again once it is gone."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices
        self._lent: dict[str, Device] = {}

    def take(self, worker: str) -> Device | None:
        """Lend a device; None where there is none."""
        if not self._devices:
            return None
        held = list(self._lent.values())
        self._lent[worker] = min(self._devices, key=held.count)
        return self._lent[worker]

    def give_back(self, worker: str) -> None:
        """End a worker's lease, if it had one."""
        self._lent.pop(worker, None)


def visible(environment: Mapping[str, str]) -> list[str]:
    """Name the cards that this process may use, as CUDA_VISIBLE_DEVICES names them: the caller's own list, or all."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return [line.split(",")[0] for line in _nvidia_smi()]
    names = [name.strip() for name in given.split(",")]
    last = next((place for place, name in enumerate(names) if not name or name.startswith("-")), len(names))
    return names[:last]


def find(environment: Mapping[str, str] = os.environ) -> list[Device]:
    """Find the cards that this process may use, with their numbers to EGL."""
    names = visible(environment)
    if not names:
        return []
    numbers = _egl_numbers(environment)
    machine = [[word.strip() for word in line.split(",")] for line in _nvidia_smi()]
    found = []
    for name in names:
        # CUDA takes the beginning of a UUID for the whole, as long as no other begins so.
        card = next((card for card in machine if name == card[0] or card[1].startswith(name)), None)
        ordinal, _, bus = card or (name, "", "")
        found.append(Device(name, numbers.get(ordinal), _pci(bus) if bus else None))
    return found


def vulkan(environment: Mapping[str, str] = os.environ) -> str | None:
    """Name the card that this process was lent as SAPIEN names a Vulkan device, ``pci:0000:3b:00.0``, if it was."""
    return f"pci:{environment[PCI]}" if PCI in environment else None


def draw_where_it_computes(environment: MutableMapping[str, str]) -> None:
    """Let a process that nobody lent a card draw on the first one that its CUDA_VISIBLE_DEVICES names.

    A number to EGL that the caller chose stands; raises ``BadInputError`` for one that is none.
    """
    cuda, egl = environment.get("CUDA_VISIBLE_DEVICES", "").strip(), environment.get("MUJOCO_EGL_DEVICE_ID")
    if egl is not None and not egl.strip().isdecimal():
        raise BadInputError(
            f"MUJOCO_EGL_DEVICE_ID={egl} is no number. Set it to one that EGL has for a card, from 0, or unset it."
        )
    if egl is None and visible(environment) and cuda:
        found = find(environment)
        egl = str(found[0].egl) if found and found[0].egl is not None else None
    if egl is None:
        return
    environment["MUJOCO_EGL_DEVICE_ID"] = egl = egl.strip()
    if cuda:
        environment["CUDA_VISIBLE_DEVICES"] = _naming(cuda, egl)


def _naming(cuda: str, egl: str) -> str:
    """CUDA's list with the card's number to EGL in it.

    robosuite refuses one that the list does not contain, as if both counted alike. CUDA itself, and torch, stop reading
    at -1.
    """
    return cuda if egl in cuda else f"{cuda},-1,{egl}"


def _pci(bus: str) -> str:
    # nvidia-smi writes eight digits of domain, Linux and SAPIEN four.
    domain, _, rest = bus.lower().partition(":")
    return f"{domain[-4:]}:{rest}"


def driver() -> str:
    """The version of NVIDIA's driver; empty where there is none."""
    if shutil.which("nvidia-smi") is None:
        return ""
    told = _lines(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], os.environ)
    return told[0].strip() if told else ""


def ask(what: str, *, units: bool = True) -> list[str]:
    """What NVIDIA's driver says of every card, a line each; nothing where there is no such driver."""
    if shutil.which("nvidia-smi") is None:
        return []
    form = "csv,noheader" if units else "csv,noheader,nounits"
    return _lines(["nvidia-smi", f"--query-gpu={what}", f"--format={form}"], os.environ)


def _nvidia_smi() -> list[str]:
    return ask("index,uuid,pci.bus_id")


def _egl_numbers(environment: Mapping[str, str]) -> dict[str, int]:
    # Under the caller's own list CUDA would count only what it shows.
    everything = {name: value for name, value in environment.items() if name != "CUDA_VISIBLE_DEVICES"}
    pairs = [line.split() for line in _lines([sys.executable, "-c", _ASK_EGL], everything)]
    return {ordinal: int(index) for ordinal, index in pairs}


def _lines(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, env=dict(environment))
    except (OSError, subprocess.TimeoutExpired):
        return []
    # Without EGL, or without a driver, there is nothing to tell apart: every library keeps its own default.
    return answer.stdout.splitlines() if answer.returncode == 0 else []
