"""On a machine with several NVIDIA cards: ``-n auto`` gives each worker one of them, to compute on and to draw with.

Plays two cells of the tests' toy benchmark, which here draws a MuJoCo scene through EGL, with one worker and with
``-n auto``. Every worker writes down which cards CUDA, torch and JAX show it, by UUID; which card OpenGL says that it
draws with; and which card's memory grew, by nvidia-smi's account, when MuJoCo made its frame buffer and torch a tensor.
Needs pytest, pytest-xdist, numpy, scipy, rich and mujoco; asks torch, JAX and SAPIEN where they are installed.

Usage: python scripts/two_gpus.py
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from toy import BASELINES, COUNT, SUITE, Toy, ToySimulator, card  # noqa: E402

from pytest_robustplus.distributed import devices  # noqa: E402
from pytest_robustplus.ledger import Ledger  # noqa: E402
from pytest_robustplus.policies.cards import Card  # noqa: E402
from pytest_robustplus.policies.profile import Profile  # noqa: E402

FACTS = "TWO_GPUS_FACTS"
# 4096 × 4096 pixels, four samples each of colour and depth: 512 MiB, which nothing else on the card takes by chance.
SCENE = """
<mujoco>
  <visual><global offwidth="4096" offheight="4096"/><quality offsamples="4"/></visual>
  <worldbody>
    <light pos="0 0 3"/><camera name="above" pos="0 -1 1" xyaxes="1 0 0 0 1 1"/><geom type="plane" size="1 1 .1"/>
    <body pos="0 0 .5"><freejoint/><geom type="box" size=".1 .1 .1" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>
"""
GREW_MIB = 400
PHYSICS_STEPS = 20_000
TIMEOUT_S = 300.0


def cards() -> dict[str, str]:
    """Name every card of the machine by UUID: its number, its place on the bus, its kind."""
    lines = _nvidia_smi("index,pci.bus_id,name,uuid")
    return {line[-1]: " ".join(line[:-1]) for line in lines}


def memory() -> dict[str, int]:
    """MiB in use on every card, by UUID."""
    return {card: int(used) for card, used in _nvidia_smi("uuid,memory.used")}


def _nvidia_smi(fields: str) -> list[list[str]]:
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [[word.strip() for word in line.split(",")] for line in answer.splitlines()]


def cuda_cards() -> list[str]:
    """UUIDs of the cards that CUDA's driver shows this process."""
    cuda = ctypes.CDLL("libcuda.so.1")
    count, device = ctypes.c_int(), ctypes.c_int()
    found = []
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        raise SystemExit("CUDA's driver does not start.")
    for number in range(count.value):
        name = (ctypes.c_ubyte * 16)()
        cuda.cuDeviceGet(ctypes.byref(device), number)
        cuda.cuDeviceGetUuid(name, device)
        found.append(f"GPU-{uuid.UUID(bytes=bytes(name))}")
    return found


def drawing_card() -> str:
    """UUID of the card behind the OpenGL context that is current (GL_EXT_memory_object)."""
    egl = ctypes.CDLL("libEGL.so.1")
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(b"glGetUnsignedBytei_vEXT")
    ask = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p)(address)
    name = (ctypes.c_ubyte * 16)()
    ask(0x9597, 0, name)  # GL_DEVICE_UUID_EXT
    return f"GPU-{uuid.UUID(bytes=bytes(name))}"


def grown(before: Mapping[str, int]) -> list[str]:
    """The cards that hold a frame buffer's worth more than before."""
    return [card for card, used in memory().items() if used - before[card] >= GREW_MIB]


class DrawnSimulator(ToySimulator):
    """The toy's rules, beside a box that falls and is drawn by MuJoCo whenever the policy looks."""

    def __init__(self, protocol: Mapping[str, str]) -> None:
        super().__init__(protocol)
        facts = Path(os.environ[FACTS])
        # One worker at a time, so that what grows is its own.
        with (facts / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found: dict[str, Any] = {
                name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "MUJOCO_EGL_DEVICE_ID")
            }
            before = memory()
            import mujoco

            self._mujoco = mujoco
            self._model = mujoco.MjModel.from_xml_string(SCENE)
            self._data = mujoco.MjData(self._model)
            mujoco.mj_forward(self._model, self._data)
            self._renderer = mujoco.Renderer(self._model, 480, 640)
            self._draw()
            found |= {"draws": drawing_card(), "grown by drawing": grown(before), "cuda": cuda_cards()}
            found |= computing() | {"ready": time.time()}
            (facts / f"{os.environ['PYTEST_XDIST_WORKER']}.json").write_text(json.dumps(found))
        deadline = time.monotonic() + TIMEOUT_S
        while len(list(facts.glob("*.json"))) < int(os.environ["PYTEST_XDIST_WORKER_COUNT"]):
            if time.monotonic() > deadline:
                raise RuntimeError("The other workers have not begun.")
            time.sleep(0.01)

    def step(self, action: Any, *, render: bool) -> bool:
        self._mujoco.mj_step(self._model, self._data, nstep=PHYSICS_STEPS)
        if render:
            self._draw()
        return super().step(action, render=render)

    def close(self) -> None:
        self._renderer.close()

    def _draw(self) -> None:
        self._renderer.update_scene(self._data, camera="above")
        if self._renderer.render().std() < 1:
            raise RuntimeError("The picture shows one plain colour.")


def computing() -> dict[str, Any]:
    """What torch and JAX see and take, where they are installed."""
    found: dict[str, Any] = {}
    if importlib.util.find_spec("torch"):
        import torch

        before = memory()
        torch.ones(GREW_MIB, 2**20, dtype=torch.uint8, device="cuda")
        seen = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        found["torch"] = [f"GPU-{properties.uuid}" for properties in seen]
        found["grown by torch"] = grown(before)
    if importlib.util.find_spec("jax"):
        import jax

        before = memory()
        jax.numpy.ones(8).sum().block_until_ready()
        found["jax devices"] = len(jax.devices())
        found["MiB taken by JAX"] = max(used - before[card] for card, used in memory().items())
    if importlib.util.find_spec("sapien"):
        import sapien

        found["sapien draws"] = [sapien.render.RenderSystem().device.pci_string]
        found["sapien is told"] = [str(devices.vulkan()).removeprefix("pci:")]
    return found


class DrawnToy(Toy):
    """The tests' toy benchmark, drawn."""

    def simulator(self, profile: Profile, protocol: Mapping[str, str]) -> DrawnSimulator:
        return DrawnSimulator(protocol)


def pytest_robustplus_models() -> Iterable[Card]:
    return [card("steady", policy="replay")]


def pytest_robustplus_benchmarks(settings: Any) -> Iterable[DrawnToy]:
    return [DrawnToy(settings.protocol)]


def play(project: Path, spread: str) -> tuple[float, list[tuple[str, bool | None, str]], list[dict[str, Any]]]:
    """Run the project; return episodes an hour, what came of each, and what the workers wrote down."""
    facts = project / f"facts{spread}"
    facts.mkdir()
    ledger_path = project / f"ledger{spread}.sqlite"
    arguments = [spread, "--robust-model=steady", "--robust-baseline=none", f"--robust-ledger={ledger_path}", "-rA"]
    environment = {**os.environ, FACTS: str(facts), "PYTHONPATH": os.pathsep.join(sys.path), "MUJOCO_GL": "egl"}
    plugin = [] if entry_points(group="pytest11", name="robustplus") else ["-p", "pytest_robustplus.plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", *arguments]
    played = subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment)
    if played.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{played.stdout}\n{played.stderr}")
    with Ledger.open(ledger_path, create=False) as ledger:
        found = [stored.record for audit in ledger.audits() for stored in ledger.episodes(audit.id)]
    outcomes = sorted((record.task, record.success, record.state_hash) for record in found)
    wrote = [json.loads(path.read_text()) for path in sorted(facts.glob("*.json"))]
    # All workers begin together, once each has made its simulator.
    end = max(datetime.fromisoformat(record.started).timestamp() + record.wall_s for record in found)
    return 3600 * len(found) / (end - max(worker["ready"] for worker in wrote)), outcomes, wrote


def complaints(worker: Mapping[str, Any], number: int) -> list[str]:
    """Whatever a worker saw, used or took that is not its one card."""
    own = worker["cuda"]
    wrong = [] if len(own) == 1 else [f"CUDA shows it {len(own)} cards"]
    seen = {"draws": [worker["draws"]], **{name: worker.get(name, own) for name in ("grown by drawing", "torch")}}
    seen["grown by torch"] = worker.get("grown by torch", own)
    if worker.get("sapien draws") != worker.get("sapien is told"):
        wrong.append(f"SAPIEN draws on {worker['sapien draws']}, not {worker['sapien is told']}")
    wrong += [f"{name}: {found}, not {own}" for name, found in seen.items() if found != own]
    if worker.get("jax devices", 1) != 1 or worker.get("MiB taken by JAX", 0) > 4096:
        wrong.append(f"JAX sees {worker['jax devices']} devices and took {worker['MiB taken by JAX']} MiB")
    return [f"worker {number}: {text}" for text in wrong]


def main() -> int:
    machine = cards()
    for name, description in machine.items():
        print(f"{name}: {description}")
    if len(machine) < 2:
        print("This machine has fewer than two NVIDIA cards.")
        return 1
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        (project / "conftest.py").write_text(
            "from two_gpus import pytest_robustplus_benchmarks, pytest_robustplus_models\n"
        )
        (project / "test_suite.py").write_text(SUITE)
        (project / "toy_baselines.toml").write_text(BASELINES)
        (project / "pytest.ini").write_text(
            f"[pytest]\npythonpath = {ROOT / 'scripts'}\nrobust_perturbations = camera noise\n"
        )
        alone, expected, _ = play(project, "-n1")
        spread, outcomes, workers = play(project, "-nauto")
    for number, worker in enumerate(workers):
        print(f"worker {number}: {json.dumps(worker)}")
    wrong = [text for number, worker in enumerate(workers) for text in complaints(worker, number)]
    if sorted(card for worker in workers for card in worker["cuda"]) != sorted(machine):
        wrong.append(f"{len(workers)} workers do not hold the {len(machine)} cards, one each")
    if outcomes != expected or len(expected) != 2 * COUNT:
        wrong.append("OUTCOMES OR FINAL STATES DIFFER from those of one worker")
    print("\n".join(wrong) or "every worker computes and draws on one card, which no other worker has")
    print(f"{alone:.0f} episodes an hour with one worker, {spread:.0f} with {len(workers)}")
    held = {worker["cuda"][0] for number, worker in enumerate(workers) if not complaints(worker, number)}
    print(f"cards: {len(held)} of {len(machine)}, each with one worker that computes and draws on it and on no other")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
