"""What upstream's own evaluation loops write, imported: their prints and files, with world and policy replaced.

``results.py NAME CHECKOUT [PYTHON]`` plays the loop of your checkout of ``openvla_oft``, ``starvla``,
``robotwin``, ``robotwin_plus`` or ``rlinf`` (the last with a PYTHON that has torch) over a few episodes of which one
succeeds, one fails and, where the loop catches exceptions, one raises; then it imports what was written and holds
every outcome against what was played. ``--keep FOLDER`` keeps a copy, from which the golden logs of the tests come.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import stub

SUITE = "libero_object"
# Places in LIBERO-Plus' own list: a robot, a camera and a layout task, and how each episode ends.
TASKS = {248: True, 646: False, 1839: None}
SEEDS = {True: 100000, False: 100001, None: 100002}


class World:
    """LIBERO's environment: an episode of the task last made ends as it is told to."""

    def __init__(self, ends: bool | None) -> None:
        self.ends = ends
        self.steps = 0

    def reset(self) -> dict[str, Any]:
        self.steps = 0
        return self.look()

    def set_init_state(self, _: Any) -> dict[str, Any]:
        return self.look()

    def seed(self, _: int) -> None:
        pass

    def look(self) -> dict[str, Any]:
        import numpy as np

        frame = np.zeros((8, 8, 3), np.uint8)
        look = {"agentview_image": frame, "robot0_eye_in_hand_image": frame, "robot0_eef_pos": np.zeros(3)}
        return look | {"robot0_eef_quat": np.array([0, 0, 0, 1.0]), "robot0_gripper_qpos": np.zeros(2)}

    def step(self, _: Any) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        self.steps += 1
        if self.ends is None and self.steps == 12:
            raise RuntimeError("the renderer was lost")
        return self.look(), 0.0, self.ends is True and self.steps == 12, {}


class Suite:
    """LIBERO-Plus' own list, cut down to the tasks above."""

    n_tasks = len(TASKS)

    def __init__(self) -> None:
        stub.without("torch")
        with contextlib.redirect_stdout(None):
            from liberoplus.liberoplus import benchmark

            self._listed = benchmark.get_benchmark_dict()[SUITE]()

    def get_task(self, number: int) -> Any:
        return self._listed.get_task([*TASKS][number])

    def get_task_init_states(self, _: int) -> list[int]:
        return [0]


def openvla_oft(out: Path) -> None:
    stub.plain("draccus", wrap=lambda: lambda function: function)
    stub.plain("tqdm", tqdm=lambda values: values)
    stub.plain("wandb")
    stub.without("prismatic", "experiments.robot.openvla_utils", "experiments.robot.robot_utils", "libero")
    stub.without("experiments.robot.libero.libero_utils")
    loop: Any = stub.module("experiments/robot/libero/run_libero_eval.py")
    ends = iter(TASKS.values())
    loop.DATE_TIME = "today"
    loop.NUM_ACTIONS_CHUNK = 8
    loop.initialize_model = lambda _: (None,) * 5
    loop.get_action = lambda *_, **__: [[0.0] * 7] * 8
    loop.process_action = lambda *_: MagicMock()
    loop.get_libero_env = lambda task, *_, **__: (World(next(ends)), task.language)
    loop.benchmark.get_benchmark_dict = lambda: {SUITE: Suite}
    loop.eval_libero(
        loop.GenerateConfig(
            pretrained_checkpoint="checkpoint", task_suite_name=SUITE, num_trials_per_task=1, local_log_dir=str(out)
        )
    )


def starvla(out: Path) -> None:
    # This loop catches no exception, so none is raised here.
    ends = iter(success is True for success in TASKS.values())
    home = out / "home"
    place = home / "libero" / "libero" / "benchmark"
    place.mkdir(parents=True)
    suite = Suite()
    listed = [{"id": n + 1, "name": suite.get_task(n).name, "category": "any"} for n in range(suite.n_tasks)]
    (place / "task_classification.json").write_text(json.dumps({SUITE: listed}))
    os.environ["LIBERO_HOME"] = str(home)
    stub.plain("tqdm", tqdm=lambda values: values)
    stub.plain("libero")
    stub.plain("libero.libero", get_libero_path=lambda _: "")
    stub.plain("libero.libero.envs")
    stub.without("tyro", "imageio", "examples")
    loop: Any = stub.module("examples/simBenchmarks/LIBERO-plus/eval_files/eval_libero.py")
    loop.benchmark.get_benchmark_dict = lambda: {SUITE: Suite}
    loop._get_libero_env = lambda task, *_: (World(next(ends)), task.language)
    action = {"world_vector": [0.0] * 3, "rotation_delta": [0.0] * 3, "open_gripper": [1.0]}
    loop.ModelClient = lambda **_: types.SimpleNamespace(
        reset=lambda **_: None, step=lambda **_: {"raw_action": action}
    )
    logging.basicConfig(filename=out / "eval.log", level=logging.INFO, force=True)
    loop.eval_libero(
        loop.Args(task_suite_name=SUITE, num_trials_per_task=1, log_path=str(out), video_out_path=str(out))
    )
    shutil.rmtree(home)
    (out / f"{SUITE}.json").unlink()


class Table:
    """RoboTwin's environment: each seed of ``SEEDS`` ends its own way, others are not stable."""

    plan_success, eval_video_path, render_freq, step_lim = True, None, 0, 3

    def __init__(self) -> None:
        self.suc = self.test_num = self.take_action_cnt = 0
        self.eval_success = False
        self.seed = 0

    def setup_demo(self, *, seed: int, **_: Any) -> None:
        self.seed, self.take_action_cnt, self.eval_success = seed, 0, False

    def play_once(self) -> dict[str, Any]:
        # An episode takes longer than its outcome needs to be told.
        time.sleep(0.2)
        return {"info": {}}

    def close_env(self, **_: Any) -> None:
        pass

    def check_success(self) -> bool:
        return True

    def set_instruction(self, **_: Any) -> None:
        pass

    def get_instruction(self) -> str:
        return "beat the block"

    def get_obs(self) -> dict[str, Any]:
        return {}

    def take_action(self, *_: Any, **__: Any) -> None:
        if self.seed == SEEDS[None]:
            raise ConnectionError("the policy's server went away")
        self.take_action_cnt += 1
        self.eval_success = self.seed == SEEDS[True]


ASKED = {
    "task_name": "beat_block_hammer", "task_config": "demo_clean", "ckpt_setting": "ckpt", "policy_name": "ACT",
    "seed": 0, "test_num": 3, "num_workers": 1, "instruction_type": "seen",
}  # fmt: skip
ARM = {"arm_joints_name": [["a"], ["b"]]}


def _robotwin_loop(place: str) -> Any:
    stub.plain("envs", CONFIGS_PATH=str(stub.checkout / _configurations()) + "/")
    stub.plain("envs.utils")
    stub.plain("envs.utils.create_actor", UnStableError=type("UnStableError", (Exception,), {}))
    stub.plain("generate_episode_instructions", generate_episode_descriptions=lambda *_: [{"seen": ["beat it"]}])
    loop: Any = stub.module(place)
    loop.class_decorator = lambda _: Table()
    loop.get_embodiment_config = lambda _: ARM
    return loop


def _configurations() -> str:
    return "env_cfg/task_config" if (stub.checkout / "env_cfg").exists() else "task_config"


def robotwin_plus(out: Path) -> None:
    # This loop lets a policy's exception through, so the third seed fails.
    SEEDS.update({None: -1})
    loop = _robotwin_loop("script/eval_policy.py")
    functions = {
        "get_model": lambda _: None,
        "reset_model": lambda _: None,
        "eval": lambda world, *_: world.take_action(),
    }
    loop.eval_function_decorator = lambda _, name: functions[name]
    (out / "task_config").symlink_to(stub.checkout / "task_config")
    with (out / "console.log").open("w") as log, contextlib.redirect_stdout(log):
        loop.main(dict(ASKED))
    (out / "task_config").unlink()


def _xpolicylab() -> Any:
    loop = _robotwin_loop("scripts/eval_policy_xpolicylab.py")
    loop.build_policy_client = lambda _: MagicMock()
    loop.robotwin_obs_to_xpolicylab = lambda *_, **__: {}
    loop.normalize_action_chunk = lambda _: [None]
    loop.xpolicylab_action_to_robotwin = lambda *_, **__: (None, "qpos")
    return loop


def robotwin(out: Path) -> None:
    loop = _xpolicylab()
    with (out / "console.log").open("w") as log, contextlib.redirect_stdout(log):
        loop.main(dict(ASKED))


def robotwin_batch(out: Path) -> None:
    """The same by a simulator in a process of its own, which is a thread here."""
    loop = _xpolicylab()

    class Worker(threading.Thread):
        def __init__(self, target: Callable[..., None], args: tuple[Any, ...], **_: Any) -> None:
            super().__init__(target=target, args=args)

    class Seeds(queue.Queue[Any]):
        close = cancel_join_thread = lambda self: None

    counter = types.SimpleNamespace(value=0, get_lock=contextlib.nullcontext)
    loop.mp.get_context = lambda _: types.SimpleNamespace(
        Queue=Seeds, Event=threading.Event, Value=lambda *_: counter, Process=Worker
    )
    log = (out / "console.log").open("w")
    os.dup2(log.fileno(), 1)
    loop.main_batch(dict(ASKED))


def rlinf(out: Path) -> None:
    import torch

    stub.without("ray", "omegaconf", "rlinf.scheduler", "rlinf.utils.distributed", "rlinf.utils.metric_logger")
    from rlinf.runners.embodied_eval_runner import EmbodiedEvalRunner

    runner = EmbodiedEvalRunner.__new__(EmbodiedEvalRunner)
    found = [{"success_once": torch.tensor([True, False]), "return": torch.tensor([1.0, 0.0])}]
    found += [{"success_once": torch.tensor([False]), "return": torch.tensor([0.0])}]
    runner.cfg, runner.env, runner.rollout = MagicMock(), MagicMock(), MagicMock()
    runner.cfg.runner.get.return_value = True
    runner.env.evaluate.return_value.wait.return_value = found
    runner.rollout_channel = runner.env_channel = None
    runner.metric_logger = MagicMock()
    runner.metric_logger.log_path = "logs"
    logging.basicConfig(filename=out / "eval_embodiment.log", level=logging.INFO, force=True)
    runner.logger = logging.getLogger("rlinf")
    runner.run()


PLAYED = {
    "openvla_oft": [openvla_oft], "starvla": [starvla], "robotwin": [robotwin, robotwin_batch],
    "robotwin_plus": [robotwin_plus], "rlinf": [rlinf],
}  # fmt: skip


def imported(out: Path, file: Path, model: str) -> str:
    options = [f"--robust-import={file}", f"--robust-model={model}", f"--robust-ledger={out / 'ledger.sqlite'}"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    told = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    return told.stdout + told.stderr


def check(name: str, out: Path) -> None:
    """Hold what is read from the files against what was played."""
    from pytest_robustplus.interchange.files import read
    from pytest_robustplus.interchange.trials import Found

    def only(pattern: str) -> tuple[Path, Found]:
        (file,) = out.rglob(pattern)
        (found,) = read(file)
        return file, found

    if name == "rlinf":
        _, found = only("eval_embodiment.log")
        assert found.aggregates == (("all trajectories", 1, 3),), found
        return
    if name.startswith("robotwin"):
        _, found = only("console.log")
        third = False if name == "robotwin_plus" else None
        assert [(trial.success, trial.seed) for trial in found.trials] == [
            (True, 100000), (False, 100001), (third, 100002),
        ], found  # fmt: skip
        assert third is False or "ConnectionError" in found.trials[2].error
        told = imported(out, next(out.rglob("_result.txt")), name)
        assert "the rate of another number of episodes than 100" in told, told
        return
    file, found = only("*.txt" if name == "openvla_oft" else "*.log")
    third = None if name == "openvla_oft" else False
    assert [trial.success for trial in found.trials] == [True, False, third], found
    told = imported(out, file, name)
    assert f"{2 + (third is False)} episodes of {name} on LIBERO-Plus added" in told, told
    assert third is False or "1 trial" in told, told


def main() -> None:
    if sys.argv[1] == "play":
        stub.checkout = Path(sys.argv[3]).resolve()
        sys.path.insert(0, str(stub.checkout))
        globals()[sys.argv[2]](Path.cwd())
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=PLAYED)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("python", nargs="?", default=sys.executable)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    for loop in PLAYED[asked.name]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            command = [asked.python, __file__, "play", loop.__name__, str(asked.checkout.resolve())]
            subprocess.run(command, cwd=out, check=True, env=os.environ | {"LIBERO_CONFIG_PATH": folder})
            check(loop.__name__, out)
            if asked.keep is not None:
                shutil.copytree(out, asked.keep / loop.__name__, dirs_exist_ok=True)
        print(f"{loop.__name__}: what upstream's loop wrote is read as it was played")


if __name__ == "__main__":
    main()
