"""Modules that drive RoboTwin's environment, as ``python:`` plays them: each model's own, over a stubbed network.

They run in this process, so it has to be one of upstream's environment. RoboTwin's own loop shows them something after
every action; ours draws once a chunk: what reaches the network has to be the same.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import fast_wam
import holobrain_robotwin
import numpy as np
import stub
import yaml

from pytest_robustplus.policies import serving


class Module(NamedTuple):
    """How a checkout's ``deploy_policy`` is made importable, and where; how many actions a chunk has.

    ``told`` is where a user's checkpoint is; ``settings`` are those of upstream's evaluation that its yml leaves out.
    A module of ours, for a model without one, has another ``name``, and ``evaluation`` is upstream's own.
    """

    place: str
    prepare: Callable[[Path, stub.Network], None]
    chunk: int
    told: Mapping[str, str]
    settings: Callable[[Path], Mapping[str, Any]] = lambda _: {}
    name: str = "deploy_policy"
    evaluation: Callable[[Mapping[str, str], list[dict[str, Any]]], Iterator[Any]] | None = None


def module(model: str, checkout: Path, network: stub.Network) -> ModuleType:
    """The module that drives RoboTwin, importable by its name, over a stubbed network."""
    sys.path.insert(0, str(checkout / MODULES[model].place))
    MODULES[model].prepare(checkout, network)
    return importlib.import_module(MODULES[model].name)


def evaluated(
    model: str, checkout: Path, deploy: ModuleType, told: Mapping[str, str], looks: list[dict[str, Any]]
) -> Iterator[Any]:
    """``eval_policy``'s loop with upstream's own settings, in an environment that shows the looks, one a chunk."""
    place, _, chunk, _, settings, _, evaluation = MODULES[model]
    if evaluation is not None:
        yield from evaluation(told, looks)
        return
    written = yaml.safe_load((checkout / place / "deploy_policy.yml").read_text())
    policy = deploy.get_model({**written, "left_arm_dim": 6, "right_arm_dim": 6, **settings(checkout), **told})
    for episode in stub.episodes(looks):
        environment = _Environment(episode, chunk)
        deploy.reset_model(policy)
        while environment.take_action_cnt < chunk * len(episode):
            deploy.eval(environment, policy, environment.get_obs())
        for start in range(0, len(environment.executed), chunk):
            yield np.stack(environment.executed[start : start + chunk])


def _pi05(_: Path, network: stub.Network) -> None:
    """``policy/pi05`` of RoboTwin, its ``PI0`` class included."""
    stub.without("torch", "dill", "jax", "cv2", "openpi")
    import deploy_policy  # noqa: F401
    import pi_model

    stub.restored()

    class Policy:
        def infer(self, window: dict[str, Any]) -> dict[str, Any]:
            seen = {**window["images"], "state": window["state"], "prompt": window["prompt"]}
            return {"actions": 0.3 * network((50, 14), **seen)}

    pi_model.os = _Folders()
    pi_model._policy_config.create_trained_policy = lambda *_, **__: Policy()


def _motus(_: Path, network: stub.Network) -> None:
    """``MotusPolicy`` with its pictures' layout, its statistics, its prompts' prefix and its vision model's message."""
    import torch

    class Model:
        def __init__(self, config: Any) -> None:
            self.shape = (1, config.num_video_frames * config.video_action_freq_ratio, config.action_dim)

        def to(self, _: Any) -> Any:
            return self

        def eval(self) -> None: ...

        def load_checkpoint(self, *_: Any, **__: Any) -> None: ...

        def inference_step(self, *, first_frame: Any, state: Any, vlm_inputs: Any, **told: Any) -> Any:
            (embedded,) = told.pop("language_embeddings")
            seen = {name: value.numpy() for name, value in vlm_inputs[0].items() if value is not None}
            answer = network(
                self.shape, frame=first_frame.numpy(), state=state.numpy(), text=embedded.numpy(), **seen, **told
            )
            return None, torch.from_numpy(0.3 * answer)

    def embedding(texts: list[str], _: Any) -> list[Any]:
        return [torch.tensor([list(text.encode())]) for text in texts]

    class Processor:
        @staticmethod
        def from_pretrained(*_: Any, **__: Any) -> Processor:
            return Processor()

        def apply_chat_template(self, messages: Any, **_: Any) -> str:
            return str([part.get("text") for message in messages for part in message["content"]])

        def __call__(self, text: list[str], images: list[Any], **_: Any) -> dict[str, Any]:
            tokens = torch.tensor([list(text[0].encode())])
            pixels = torch.from_numpy(np.asarray(images[0])[None].copy())
            return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "pixel_values": pixels}

    os.environ["LOG_DIR"] = str(network.folder)

    stub.plain("models", __path__=[])
    stub.plain("models.motus", Motus=Model, MotusConfig=SimpleNamespace)
    stub.plain("wan.modules.t5", T5EncoderModel=lambda **_: embedding)
    import transformers

    transformers.AutoProcessor = Processor


def _fast_wam(checkout: Path, network: stub.Network) -> None:
    """Its ``WorldActionRobotWinPolicy``, which executes one action a call and looks when its queue is empty."""
    fast_wam.stubbed(network, checkout)
    fast_wam.statistics(network.folder / "statistics.json", 14, 14)


def _fast_wam_settings(checkout: Path) -> dict[str, Any]:
    """What ``eval_robotwin_single.py`` forwards of ``sim_robotwin.yaml``."""
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(version_base="1.3", config_dir=str(checkout / "configs")):
        cfg = compose("sim_robotwin.yaml")
    names = (
        "device", "action_horizon", "replan_steps", "num_inference_steps", "sigma_shift", "text_cfg_scale",
        "negative_prompt", "rand_device", "tiled", "timing_enabled",
    )  # fmt: skip
    forwarded = {name: cfg.EVALUATION[name] for name in names if cfg.EVALUATION[name] is not None}
    return {**forwarded, "seed": cfg.seed, "mixed_precision": cfg.mixed_precision}


MODULES = {
    "fast_wam": Module(
        "experiments/robotwin/fastwam_policy", _fast_wam, 24,
        {"ckpt_setting": "robotwin_uncond_3cam_384.pt", "dataset_stats_path": "{folder}/statistics.json"},
        _fast_wam_settings,
    ),
    "holobrain0_qwen": Module(
        str(Path(serving.__file__).parent), holobrain_robotwin.prepare, holobrain_robotwin.CHUNK,
        {"model_dir": "{folder}/model", "device": "cpu"}, name="holobrain", evaluation=holobrain_robotwin.evaluated,
    ),
    "motus": Module(
        "inference/robotwin/Motus", _motus, 16,
        {"ckpt_setting": "Motus_robotwin2", "wan_path": "Wan2.2-TI2V-5B", "vlm_path": "Qwen3-VL-2B-Instruct"},
    ),
    "pi05": Module(
        "policy/pi05", _pi05, 50, {"train_config_name": "a", "model_name": "b", "checkpoint_id": "0"},
    ),
}  # fmt: skip


class _Folders:
    """A folder of assets for a checkpoint that is not there."""

    path = os.path

    def listdir(self, _: str) -> list[str]:
        return ["assets"]


class _Environment:
    def __init__(self, looks: list[dict[str, Any]], chunk: int) -> None:
        self.looks, self.chunk, self.executed = looks, chunk, []
        self.take_action_cnt = 0

    def get_instruction(self) -> str:
        return str(self.looks[0]["instruction"])

    def get_obs(self) -> dict[str, Any]:
        look = self.looks[min(self.take_action_cnt // self.chunk, len(self.looks) - 1)]
        # In between, something else than at either end: none of it may reach the network.
        between = self.take_action_cnt % self.chunk > 0
        frames = {name: {"rgb": look[name] // (2 if between else 1)} for name in look if name.endswith("_camera")}
        return {"observation": frames, "joint_action": {"vector": look["joint_pos"] + between}}

    def take_action(self, action: Any, action_type: str = "qpos") -> None:
        self.executed.append(action)
        self.take_action_cnt += 1
