"""LingBot-VA: its websocket server and ``VA_Server``, for both its clients; encoders and transformer are stubbed.

What reaches its video encoder are the frames that were shown; what reaches its memory, the frames and the actions.
"""

from __future__ import annotations

import importlib
import os
from types import SimpleNamespace
from typing import Any

import numpy as np
import stub

CAMERAS = {"head_camera": "cam_high", "left_camera": "cam_left_wrist", "right_camera": "cam_right_wrist"}


def serve(port: int, network: stub.Network) -> None:
    import sys

    import torch

    stub.without("diffusers", "transformers", "modules", "distributed", "wan_va.modules", "wan_va.distributed", "cv2")
    sys.path.insert(0, str(stub.checkout / "wan_va"))
    from wan_va.configs import VA_CONFIGS
    from wan_va.utils.Simple_Remote_Infer.deploy.websocket_policy_server import WebsocketPolicyServer
    from wan_va.wan_va_server import VA_Server

    settings = VA_CONFIGS["libero" if os.environ["BENCHMARK"] == "libero_plus" else "robotwin"]

    class Stubbed(VA_Server):
        """All of its requests' way but for ``_encode_obs`` and the two denoising loops."""

        def __init__(self) -> None:
            self.job_config, self.dtype, self.device = settings, torch.float32, torch.device("cpu")
            self.cache_name, self.env_type, self.frames, self.told = "pos", settings.env_type, 0, ""

        def _reset(self, prompt: Any = None) -> None:
            self.frame_st_id, self.told, self.frames = 0, prompt, 0
            self.actions_q01 = torch.tensor(settings.norm_stat["q01"], dtype=torch.float32).reshape(-1, 1, 1)
            self.actions_q99 = torch.tensor(settings.norm_stat["q99"], dtype=torch.float32).reshape(-1, 1, 1)
            self.action_norm_method = settings.action_norm_method
            self.shown: dict[str, Any] = {}

        def _frames(self, obs: Any) -> dict[str, Any]:
            frames = obs["obs"] if isinstance(obs["obs"], list) else [obs["obs"]]
            return {name: np.stack([frame[name] for frame in frames]) for name in settings.obs_cam_keys}

        def _infer(self, obs: Any, frame_st_id: int = 0) -> Any:
            # The first observation is looked at once, before anything is remembered.
            shown = self._frames(obs) if frame_st_id == 0 else {}
            shape = (1, settings.action_dim, settings.frame_chunk_size, settings.action_per_frame, 1)
            answer = torch.from_numpy(network(shape, prompt=self.told, start=frame_st_id, **shown))
            if frame_st_id == 0:
                answer[:, :, 0:1] = 0
            return self.postprocess_action(answer), None

        def _compute_kv_cache(self, obs: Any) -> None:
            actions = self.preprocess_action(np.asarray(obs["state"], np.float32).copy())
            network((1,), actions=actions.numpy(), start=self.frame_st_id, **self._frames(obs))
            self.frame_st_id += len(obs["obs"]) // 4 + (1 if self.frame_st_id == 0 else 0)

    WebsocketPolicyServer(Stubbed(), host="127.0.0.1", port=port).serve_forever()


def ask(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """What each of its evaluations executes."""
    return _libero(port, looks) if "agentview" in looks[0] else _robotwin(port, looks)


def _libero(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """``run_one`` of its client, in an environment that shows the looks, one each step."""
    stub.without("libero", "imageio", "cv2", "lerobot", "wan_va.modules", "wan_va.distributed")
    client = importlib.import_module("evaluation.libero.client")
    client.save_video = lambda **_: None
    model = client.WebsocketClientPolicy(port=port)
    executed = []
    for episode in stub.episodes(looks):
        environment = stub.LiberoLooks(episode, settle=5, replan=1)
        suite = SimpleNamespace(
            get_num_tasks=lambda: 1, get_task_bddl_file_path=lambda _: "",
            get_task=lambda _, told=episode[0]["instruction"]: SimpleNamespace(language=str(told)),
            get_task_init_states=lambda _: np.zeros((1, 1)),
        )  # fmt: skip
        name = str(episode[0]["suite"])
        client.benchmark.get_benchmark_dict = lambda name=name, suite=suite: {name: lambda: suite}
        client.construct_single_env = lambda _, environment=environment: environment
        client.run_one(model, name, 0, os.environ["RECORD"], 0)
        executed += environment.chunks
    return executed


def _robotwin(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """Its evaluation's loop, whose functions are its own; the environment shows the looks one after another."""
    stub.without(
        "matplotlib", "cv2", "imageio", "envs", "description", "evaluation.robotwin.test_render", "transforms3d"
    )
    # It goes to where RoboTwin is as soon as it is imported.
    os.chdir, moved = (lambda _: None), os.chdir
    from evaluation.robotwin.eval_polict_client_openpi import add_init_pose, format_obs

    os.chdir = moved
    from evaluation.robotwin.websocket_client_policy import WebsocketClientPolicy

    model = WebsocketClientPolicy(port=port)
    answers = []
    for episode in stub.episodes(looks):
        answers += _episode(model, [_observed(look) for look in episode], add_init_pose, format_obs)
    return answers


def _observed(look: dict[str, Any]) -> dict[str, Any]:
    """RoboTwin's own shape of what it shows."""
    joints = look["joint_pos"]
    return {
        "observation": {camera: {"rgb": look[camera]} for camera in CAMERAS},
        "joint_action": {"vector": joints},
        "endpose": {
            "left_endpose": look["left_endpose"].tolist(), "left_gripper": float(joints[6]),
            "right_endpose": look["right_endpose"].tolist(), "right_gripper": float(joints[13]),
        },
        "prompt": str(look["instruction"]),
    }  # fmt: skip


def _episode(model: Any, looks: list[dict[str, Any]], add_init_pose: Any, format_obs: Any) -> list[Any]:
    prompt = looks[0]["prompt"]
    model.infer({"reset": True, "prompt": prompt})
    poses = looks[0]["endpose"]
    begun = np.array(
        [*poses["left_endpose"], poses["left_gripper"], *poses["right_endpose"], poses["right_gripper"]], np.float64
    )
    first = format_obs(looks[0], prompt)
    rest, answers, start = looks[1:], [], 1
    while len(answers) < len(looks):
        action = model.infer({"obs": first, "prompt": prompt})["action"]
        key_frames = []
        for frame in range(start, action.shape[1]):
            executed = []
            for step in range(action.shape[2]):
                pose = add_init_pose(action[:, frame, step], begun)
                for at in (3, 11):
                    pose[at : at + 4] /= np.linalg.norm(pose[at : at + 4])
                executed.append(pose)
                if (step + 1) % (action.shape[2] // 4) == 0:
                    answers.append(executed)
                    executed = []
                    key_frames.append(format_obs(rest.pop(0), prompt) if rest else None)
        start = 0
        if len(answers) < len(looks):
            model.infer({"obs": key_frames, "compute_kv_cache": True, "imagine": False, "state": action})
    return answers[: len(looks)]


if __name__ == "__main__":
    stub.run(serve, ask)
