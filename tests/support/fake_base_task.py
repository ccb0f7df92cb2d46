"""Stands for RoboTwin's envs/_base_task.py: a number that actions push, four cameras, and faults on demand.

``faults.json`` in the checkout maps what is being done, a colon and a seed (or ``*``) to what goes wrong there.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

GOAL = 3


class UnStableError(Exception):
    pass


def come_to_grief(doing, seed):
    try:
        faults = json.loads(Path("faults.json").read_text())
    except FileNotFoundError:
        return None
    how = faults.get(f"{doing}:{seed}", faults.get(f"{doing}:*"))
    if how == "once":
        Path("faults.json").write_text(json.dumps({key: value for key, value in faults.items() if value != "once"}))
        how = "exit"
    if how == "exit":
        print("about to go\nTraceback of a kind")
        os._exit(7)
    if how == "segfault":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "memory":
        raise RuntimeError("CUDA out of memory")
    if how == "hang":
        print("waiting for Godot")
        time.sleep(3600)
    if how == "unstable":
        raise UnStableError("box fell over")
    if how == "vulkan":
        raise RuntimeError("failed to find a rendering device")
    if how == "asset":
        raise FileNotFoundError("./assets/objects/020_hammer/base0.glb")
    if how == "torch":
        raise ModuleNotFoundError("No module named 'curobo'")
    if how == "raise":
        raise ValueError("a bug of the task")
    if how == "leave":
        raise SystemExit
    if how == "garbage":
        os.write(1, bytes(range(256)) * 20_000 + b"\nlast words\n")
        os.write(2, b"\x00\x00\x00\x05{}{}{")
    return how


class _Physics:
    def __init__(self, task):
        self._task = task

    def pack(self):
        return np.array([self._task.pushed, *self._task.robot.left, *self._task.robot.right]).tobytes()


class _Scene:
    def __init__(self, task):
        self.physx_system = _Physics(task)

    def step(self):
        pass


class _Robot:
    built = 0

    def __init__(self):
        _Robot.built += 1
        self.left, self.right = [0.0] * 6 + [1.0], [0.0] * 6 + [1.0]

    def get_left_arm_jointState(self):  # noqa: N802 - RoboTwin's
        return list(self.left)

    def get_right_arm_jointState(self):  # noqa: N802
        return list(self.right)

    def set_arm_joints(self, position, velocity, side):
        getattr(self, side)[:6] = [float(value) for value in position]

    def set_gripper(self, value, side, eps=0.1):
        getattr(self, side)[6] = float(value)


class Base_Task:  # noqa: N801
    def setup_demo(self, now_ep_num=0, seed=0, is_test=False, **settings):
        print(f"setting up {seed}")
        self.seed, self.settings = seed, settings
        come_to_grief("setup", seed)
        np.random.seed(seed)
        if not hasattr(self, "robot"):
            self.robot = _Robot()
        self.robot.left, self.robot.right = [0.0] * 6 + [1.0], [0.0] * 6 + [1.0]
        self.scene = _Scene(self)
        self.episode, self.pushed = now_ep_num, 0.0
        self.start = float(np.random.rand())
        self.plan_success, self.eval_success = True, False
        self.take_action_cnt, self.step_lim = 0, 400
        self.acting, self.crazy_random_light = False, seed == 100_001

    def play_once(self):
        if come_to_grief("expert", self.seed) == "fail":
            self.plan_success = False
            return {"info": {}}
        for tick in range(100):
            self.robot.set_arm_joints([tick / 100] * 6, [0.0] * 6, "left")
            self.robot.set_gripper(1 - tick / 100, "right")
            self.scene.step()
        self.pushed = GOAL
        return {"info": {"{A}": f"block {self.start:.3f}", "{a}": "left"}}

    def check_success(self):
        return self.pushed >= GOAL

    def take_action(self, action, action_type="qpos"):
        if come_to_grief("step", self.seed) == "solved":
            self.pushed = GOAL
        assert len(action) == {"qpos": 14, "ee": 16}[action_type]
        self.take_action_cnt += 1
        self.robot.left, self.robot.right = list(action[:7]), list(action[7:14])
        self.pushed += float(action[0])
        # RoboTwin hands poses to the renderer at every tick, and looks at each success: for videos, not for policies.
        self.acting = True
        self._update_render()
        self.eval_success = self.check_success()
        if self.eval_success:
            self.get_obs()
        self.acting = False

    def _update_render(self):
        assert not self.acting or self.crazy_random_light, "drawn for nobody"

    def get_obs(self):
        self._update_render()
        if os.path.exists("drawn"):
            with open("drawn", "ab") as drawn:
                drawn.write(b".")
        camera = self.settings["camera"]
        size = self.settings["head_camera_h"], self.settings["head_camera_w"], 3
        seen = {}
        for number, name in enumerate(("head_camera", "left_camera", "right_camera", "front_camera")):
            if camera["collect_head_camera" if number in (0, 3) else "collect_wrist_camera"]:
                image = np.full(size, 10 * number, np.uint8)
                image[: 1 + int(self.pushed), :, number % 3] = 255
                seen[name] = {"rgb": image, "intrinsic_cv": np.eye(3) * (number + 1)}
                if self.settings.get("data_type", {}).get("depth"):
                    seen[name]["depth"] = np.full(size[:2], 1000.0 * (number + 0.1 + self.pushed))
        return {"observation": seen}

    def get_arm_pose(self, side):
        return [0.0, 0.0, 0.1 if side == "left" else 0.2, 1.0, 0.0, 0.0, 0.0]

    def set_instruction(self, instruction=None):
        self.instruction = instruction

    def close_env(self, clear_cache=False):
        with Path("closed.txt").open("a") as file:
            file.write(f"{self.seed} {clear_cache} {_Robot.built}\n")
