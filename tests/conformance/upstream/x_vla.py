"""X-VLA: its FastAPI server and ``XVLA.inference_api``, asked by both its clients; the network is stubbed."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import numpy as np
import stub

CHUNK = 30


def serve(port: int, network: stub.Network) -> None:
    import torch

    stub.without(
        "models.modeling_florence2", "models.transformer", "models.action_hub", "models.configuration_xvla", "cv2",
        "torchvision",
    )  # fmt: skip
    stub.plain("transformers", PreTrainedModel=type("PreTrainedModel", (), {}))
    from models.modeling_xvla import XVLA

    class Stubbed(XVLA):
        def __init__(self) -> None:
            self.app, self.seen = None, {}

        def parameters(self) -> Any:
            yield torch.zeros(1)

        def eval(self) -> Any:
            return self

        def generate_actions(self, proprio: Any, domain_id: Any, steps: int, **_: Any) -> Any:
            told = {"proprio": proprio.numpy(), "domain_id": domain_id.numpy(), "steps": steps}
            return torch.from_numpy(network((1, CHUNK, 20), **self.seen, **told))

    model = Stubbed()

    def processor(images: Any, language_instruction: Any) -> dict[str, Any]:
        frames = images[0] if isinstance(images[0], list) else images
        text = language_instruction[0] if isinstance(language_instruction, list) else language_instruction
        model.seen = {f"image{number}": np.asarray(frame) for number, frame in enumerate(frames)} | {"prompt": text}
        return {name: torch.zeros(1, 1) for name in ("input_ids", "image_input", "image_mask")}

    model.run(processor=processor, host="127.0.0.1", port=port)


def ask(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    stub.without("matplotlib", "cv2", "imageio", "tqdm", "scipy.interpolate", "libero", "torchvision")
    if "head_camera" in looks[0]:
        return _robotwin(port, looks)
    return _libero(port, looks)


def _robotwin(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """The client's own rollout, in an environment that shows the looks."""
    os.chdir, moved = (lambda _: None), os.chdir
    client = stub.module("evaluation/robotwin-2.0/client.py")
    os.chdir = moved
    client.tqdm = lambda items: items
    executed: list[Any] = []

    class Environment:
        render_freq, actor_pose, suc = 0, True, 0

        def __init__(self, episode: list[dict[str, Any]]) -> None:
            self.episode, self.count = episode, 0

        def get_obs(self) -> dict[str, Any]:
            # Looks between a chunk's actions are recorded and not shown to the model.
            look = self.episode[min(self.count // CHUNK, len(self.episode) - 1)]
            views = {name: {"rgb": look[f"{name}_camera"]} for name in ("head", "left", "right")}
            observation = {f"{name}_camera": view for name, view in views.items()} | {"front_camera": views["head"]}
            grips = {f"{side}_gripper": look["joint_pos"][at] for side, at in (("left", 6), ("right", 13))}
            poses = {f"{side}_endpose": look[f"{side}_endpose"].tolist() for side in ("left", "right")}
            return {"observation": observation, "endpose": {**poses, **grips}}

        def take_action(self, action: Any, action_type: str) -> None:
            assert action_type == "ee"
            if self.count % CHUNK == 0:
                executed.append([])
            executed[-1].append(_one_sign(action))
            self.count += 1

        def check_success(self) -> bool:
            return self.count == CHUNK * len(self.episode)

        def _update_render(self) -> None: ...

    model = client.ClientModel("127.0.0.1", port)
    for episode in stub.episodes(looks):
        # As ``eval_episodes`` does: the task's name is all that it is told.
        model.set_instruction(str(episode[0]["task"]).replace("_", " "))
        client._rollout(Environment(episode), model)
    return executed


def _one_sign(action: Any) -> Any:
    """Of the two quaternions that are one rotation, the one whose last number is positive."""
    action = np.array(action)
    for at in (3, 11):
        action[at : at + 4] *= np.sign(action[at + 3]) or 1.0
    return action


def _libero(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    transforms = stub.robosuite_transforms()
    sys.modules["robosuite"] = sys.modules["robosuite.utils"] = ModuleType("robosuite")
    sys.modules["robosuite.utils"].transform_utils = transforms  # type: ignore[attr-defined]
    sys.modules["robosuite.utils.transform_utils"] = transforms
    client = stub.module("evaluation/libero/libero_client.py")
    chunks = []
    for episode in stub.episodes(looks):
        model = client.ClientModel("127.0.0.1", port)
        for look in episode:
            matrix = np.asarray(look["controller_mat"]).reshape(3, 3)
            seen = {
                "agentview_image": look["agentview"], "robot0_eye_in_hand_image": look["wrist"],
                "robo_pos": look["controller_pos"], "robo_ori": model.processor.Mat_to_Rotate6D(matrix),
            }  # fmt: skip
            chunks.append([model.step(seen, str(look["instruction"])) for _ in range(CHUNK)])
    return chunks


if __name__ == "__main__":
    stub.run(serve, ask)
