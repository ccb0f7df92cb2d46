"""Plays RoboTwin inside a checkout, in the checkout's own interpreter: a script that process.py starts, never imported.

Needs Python 3.10, numpy, and what the checkout needs itself. It is sent requests and answers each: four bytes of
length, big-endian, and JSON, over a socket; arrays go through shared memory, and an answer says where they lie.
Standard output and error are the checkout's to print to.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import hashlib
import importlib
import importlib.metadata
import json
import mmap
import os
import platform
import random
import re
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct(">I")
_PR_SET_PDEATHSIG = 1
_PACKAGES = ("sapien", "mplib", "nvidia-curobo", "toppra", "torch", "numpy")
_RAY_TRACING = "rt"
# Of RoboTwin's 250 ticks a second: what an expert's path is made of, some 60 actions for a block.
_STRIDE = 25
_VULKAN = re.compile(r"vulkan|vk::|VK_|rendering device|ExtensionNotPresent|IncompatibleDriver", re.IGNORECASE)
_MACHINE = re.compile(r"CUDA|out of memory|bad_alloc|No space left", re.IGNORECASE)
_WORDINGS = {"r1": ["r1_distraction"], "r2": ["r2_commonsense"], "r3": ["r3_reasoning"]}
_ALL_WORDINGS = [kind for kinds in _WORDINGS.values() for kind in kinds]


class Fault(Exception):  # noqa: N818 - told to the other side by its kind
    """Something that is no outcome of an episode; ``kind`` says who has to act."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Board:
    """The shared memory: each answer's arrays, one after the other from the start."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, 0)
        os.close(descriptor)

    def show(self, arrays: dict[str, Any]) -> list[list[Any]]:
        """Write the arrays and say where each lies: name, type, shape, first byte."""
        import numpy as np

        table, place = [], 0
        for name, array in arrays.items():
            size = array.size * array.itemsize
            if place + size > len(self._memory):
                raise Fault("error", f"observations of {place + size} bytes and more do not fit the shared memory")
            np.frombuffer(self._memory, array.dtype, array.size, place).reshape(array.shape)[...] = array
            table.append([name, array.dtype.str, list(array.shape), place])
            place += -(-size // 64) * 64
        return table


class Stage:
    """One task environment at a time, as RoboTwin's own evaluation uses it; its robot, and so its planner, stays."""

    def __init__(self, board: Board, shader: str) -> None:
        self._board, self._shader = board, shader
        self._env: Any = None
        self._task = ""
        self._embodiment: Any = None
        self._open = False
        self._episodes = self._clear_every = 0
        self._cameras: list[str] = []
        self._depth: list[str] = []
        self._action_type = "qpos"

    def hello(self) -> dict[str, Any]:
        """Say what this interpreter and the checkout's robot are."""
        import sapien

        if self._shader != _RAY_TRACING:
            chosen = sapien.render.set_camera_shader_dir
            sapien.render.set_camera_shader_dir = lambda *_: chosen(self._shader)
        versions = {}
        for package in _PACKAGES:
            with suppress(importlib.metadata.PackageNotFoundError):
                versions[package] = importlib.metadata.version(package)
        settings = _settings("demo_clean")
        digest = hashlib.sha256()
        for folder in sorted({settings["left_robot_file"], settings["right_robot_file"]}):
            for path in sorted(Path(folder).iterdir()):
                if path.suffix in (".yml", ".urdf", ".srdf"):
                    digest.update(path.read_bytes())
        return {
            "python": platform.python_version(),
            "versions": versions,
            "embodiment": digest.hexdigest()[:12],
            "limits": _yaml("task_config/_eval_step_limit.yml"),
        }

    def expert(self, *, task: str, configuration: str, episode: int, seed: int) -> dict[str, Any]:
        """Let RoboTwin's expert play a seed: what came of it, and where it did its path, as actions (n, 14)."""
        import numpy as np

        doing = "setting up"
        try:
            self._set_up(task, configuration, episode, seed)
            doing = "playing"
            recorder = _Recorder(self._env)
            try:
                info = self._env.play_once()
            finally:
                path = recorder.stop()
            solved = bool(self._env.plan_success and self._env.check_success())
        except Exception as error:
            if type(error).__name__ == "UnStableError":
                return {"outcome": "unstable", "detail": str(error)}
            fault = _fault(error)
            if fault.kind != "error":
                raise fault from error
            return {"outcome": "error", "detail": f"{doing}: {fault}"}
        finally:
            self._close()
        if not solved:
            return {"outcome": "failed", "detail": "" if self._env.plan_success else "no plan"}
        table = self._board.show({"path": np.array(path, np.float64).reshape(len(path), -1)})
        return {"outcome": "verified", "detail": "", "info": _plain(info["info"]), "arrays": table}

    def reset(
        self, *, task: str, configuration: str, episode: int, seed: int, info: Any, wording: str, descriptions: int,
        cameras: list[str], depth: list[str], action_type: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Set the scene of a verified seed up for a policy and choose its instruction as RoboTwin does."""
        settings = self._set_up(task, configuration, episode, seed, depth=bool(depth))
        language = settings.get("language")
        mode = language.get("mode", "seen") if isinstance(language, dict) else "seen"
        # RoboTwin seeds numpy only; its templates are shuffled by Python's own generator.
        random.seed(seed)
        instruction = _instruction(task, mode, info, wording, descriptions)
        self._env.set_instruction(instruction=instruction)
        self._cameras, self._depth, self._action_type = cameras, depth, action_type
        return {"instruction": instruction, "limit": self._env.step_lim}

    def step(self, *, action: list[float], render: bool) -> dict[str, Any]:
        """Execute one action; then, for whoever looks, what is seen."""
        import numpy as np

        with _undrawn(self._env):
            self._env.take_action(np.array(action), action_type=self._action_type)
        seen = self.observe() if render else {}
        return {"success": bool(self._env.eval_success), **seen}

    def observe(self) -> dict[str, Any]:
        """Show pictures and proprioception; without cameras nothing is drawn."""
        import numpy as np

        env = self._env
        arrays: dict[str, Any] = {}
        if self._cameras:
            seen = env.get_obs()
            for camera in self._cameras:
                if camera not in seen["observation"]:
                    raise Fault("camera", ", ".join(seen["observation"]))
                parts = dict(seen["observation"][camera])
                arrays[camera] = np.asarray(parts.pop("rgb"), np.uint8)
                if camera in self._depth:
                    # RoboTwin's millimetres in single precision, then divided: as those do who evaluate on them.
                    arrays[f"{camera}.depth"] = np.asarray(parts.pop("depth"), np.float32) / np.float32(1000)
                for name in ("intrinsic_cv", "extrinsic_cv", "cam2world_gl"):
                    if name in parts:
                        arrays[f"{camera}.{name}"] = np.asarray(parts[name], np.float64).ravel()
        robot = env.robot
        joints = robot.get_left_arm_jointState() + robot.get_right_arm_jointState()
        arrays["joint_pos"] = np.array(joints, np.float64)
        for side in ("left", "right"):
            arrays[f"{side}_endpose"] = np.array(env.get_arm_pose(side), np.float64).ravel()
        return {"arrays": self._board.show(arrays)}

    def digest(self) -> dict[str, Any]:
        """Digest the physics engine's whole state."""
        return {"digest": hashlib.sha256(self._env.scene.physx_system.pack()).hexdigest()}

    def _set_up(self, task: str, configuration: str, episode: int, seed: int, *, depth: bool = False) -> dict[str, Any]:
        settings = _settings(configuration)
        if depth:
            settings["data_type"] = {**settings["data_type"], "depth": True}
        self._close()
        self._clear_every = int(settings.get("clear_cache_freq") or 0)
        if (task, settings["embodiment"]) != (self._task, self._embodiment):
            before, self._env = self._env, None
            env = _task(task)
            # A planner takes longer to warm up than an episode to play; within a task RoboTwin keeps it, too.
            if self._embodiment == settings["embodiment"] and hasattr(before, "robot"):
                env.robot = before.robot
            self._env, self._task, self._embodiment = env, task, settings["embodiment"]
            del before
            gc.collect()
        random.seed(seed)
        self._open = True
        self._env.setup_demo(
            now_ep_num=episode, seed=seed, is_test=True, **{**settings, "task_name": task, "eval_mode": True}
        )
        return settings

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._episodes += 1
            # RoboTwin clears after a policy's episodes only; here an expert may play fifty seeds in a row.
            clear = self._clear_every > 0 and self._episodes % self._clear_every == 0
            with suppress(Exception):
                self._env.close_env(clear_cache=clear)


@contextmanager
def _undrawn(env: Any) -> Iterator[None]:
    """Leave out what an action does for the renderer alone: poses handed over at every tick, pictures of a success.

    ``get_obs`` hands the poses over itself. Lights that change with every picture change as before.
    """
    if getattr(env, "crazy_random_light", False):
        yield
        return
    env._update_render = env.get_obs = lambda *_: None
    try:
        yield
    finally:
        del env._update_render, env.get_obs


class _Recorder:
    """Notes where the robot is sent while an expert plays, every few ticks of physics."""

    def __init__(self, env: Any) -> None:
        self._robot, self._scene = env.robot, env.scene
        self._targets = {
            "left": list(env.robot.get_left_arm_jointState()),
            "right": list(env.robot.get_right_arm_jointState()),
        }
        self._path: list[list[float]] = []
        self._ticks = 0
        self._true = env.robot.set_arm_joints, env.robot.set_gripper, env.scene.step
        env.robot.set_arm_joints, env.robot.set_gripper, env.scene.step = self._arm, self._gripper, self._step

    def stop(self) -> list[list[float]]:
        """Let go, and return the path to where the robot was sent last."""
        del self._robot.set_arm_joints, self._robot.set_gripper, self._scene.step
        self._note()
        return self._path

    def _arm(self, position: Any, velocity: Any, side: str, *rest: Any, **more: Any) -> Any:
        self._targets[side][:-1] = [float(value) for value in position]
        return self._true[0](position, velocity, side, *rest, **more)

    def _gripper(self, value: Any, side: str, *rest: Any, **more: Any) -> Any:
        self._targets[side][-1] = float(value)
        return self._true[1](value, side, *rest, **more)

    def _step(self) -> Any:
        self._ticks += 1
        if self._ticks % _STRIDE == 0:
            self._note()
        return self._true[2]()

    def _note(self) -> None:
        self._path.append([*self._targets["left"], *self._targets["right"]])


def _task(name: str) -> Any:
    if not Path("envs", f"{name}.py").is_file():
        raise Fault("task", f"envs/{name}.py is not there")
    module = importlib.import_module(f"envs.{name}")
    if not hasattr(module, name):
        raise Fault("task", f"envs/{name}.py has no class {name}")
    return getattr(module, name)()


def _settings(configuration: str) -> dict[str, Any]:
    """A configuration with robot and cameras filled in, as script/eval_policy.py hands it to ``setup_demo``."""
    settings: dict[str, Any] = _yaml(f"task_config/{configuration}.yml")
    known = _yaml("task_config/_embodiment_config.yml")
    embodiment = settings["embodiment"]
    if len(embodiment) not in (1, 3):
        raise Fault("configuration", f"task_config/{configuration}.yml: embodiment has {len(embodiment)} entries")
    for side, name in (("left", embodiment[0]), ("right", embodiment[1 if len(embodiment) == 3 else 0])):
        folder = settings[f"{side}_robot_file"] = known[name]["file_path"]
        settings[f"{side}_embodiment_config"] = _yaml(os.path.join(folder, "config.yml"))
    settings["dual_arm_embodied"] = len(embodiment) == 1
    if len(embodiment) == 3:
        settings["embodiment_dis"] = embodiment[2]
    camera = _yaml("task_config/_camera_config.yml")[settings["camera"]["head_camera_type"]]
    settings["head_camera_h"], settings["head_camera_w"] = camera["h"], camera["w"]
    settings["render_freq"] = 0
    settings["task_config"] = configuration
    return settings


def _yaml(path: str) -> Any:
    import yaml

    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def _instruction(task: str, mode: str, info: Any, wording: str, descriptions: int) -> str:
    import numpy as np
    from generate_episode_instructions import generate_episode_descriptions  # type: ignore[import-not-found]

    if mode == "seen":
        found = generate_episode_descriptions(task, [info], descriptions)
        if not (found and found[0][wording]):
            raise Fault("configuration", f"description/task_instruction/{task}.json has no {wording} words for {info}")
        return str(np.random.choice(found[0][wording]))
    from generate_episode_instructions import load_plus_instructions

    rewritten = load_plus_instructions(task)
    pool = [words for kind in _WORDINGS.get(mode, _ALL_WORDINGS) for words in rewritten.get(kind, [])]
    if not pool:
        raise Fault("configuration", f"description/task_instruction_plus/{task}.json has no words for mode {mode}")
    return str(np.random.choice(pool))


def _plain(value: Any) -> Any:
    """What the expert says of an episode as JSON holds it; its arms are strings of a class of their own."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)


def _fault(error: BaseException) -> Fault:
    if isinstance(error, Fault):
        return error
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        return Fault("module", text)
    if isinstance(error, FileNotFoundError):
        return Fault("missing", text)
    if isinstance(error, MemoryError) or _MACHINE.search(text):
        return Fault("machine", text)
    return Fault("vulkan" if _VULKAN.search(text) else "error", text)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _receive(link: socket.socket, count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def main() -> None:
    """Serve the socket whose descriptor is the first argument, for the process that the last one names."""
    descriptor, memory, shader, parent = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    _die_with_parent()
    if os.getppid() != parent:
        return
    faulthandler.enable()
    os.set_inheritable(descriptor, False)
    link = socket.socket(fileno=descriptor)
    # RoboTwin forks its planners: they must neither hold the socket open nor outlive this process.
    os.register_at_fork(after_in_child=link.close)
    os.register_at_fork(after_in_child=_die_with_parent)
    sys.path[0] = os.getcwd()
    sys.path[1:1] = [os.path.abspath("policy"), os.path.abspath("description/utils")]
    stage = Stage(Board(memory), shader)
    with suppress(EOFError, ConnectionError):
        while True:
            request = json.loads(_receive(link, _LENGTH.unpack(_receive(link, _LENGTH.size))[0]))
            try:
                answer = getattr(stage, request.pop("do"))(**request)
            except (Exception, SystemExit) as error:
                fault = _fault(error)
                answer = {"fault": fault.kind, "text": str(fault)}
                if fault.kind == "error":
                    import traceback

                    traceback.print_exc()
            message = json.dumps(answer).encode()
            link.sendall(_LENGTH.pack(len(message)) + message)
    os._exit(0)


if __name__ == "__main__":
    main()
