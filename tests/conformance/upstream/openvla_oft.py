"""OpenVLA-OFT on LIBERO: its ``deploy.py`` once a suite, each with the ``unnorm_key`` of its suite, and its evaluation.

The vision-language model's forward pass and its tokenizer are stubbed; JPEG, resizing, crop, proprioception and
un-normalisation are its own. ``PORT`` is the first suite's, and the others' follow it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
import stub

SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
CHECKPOINT = "moojink/openvla-7b-oft-finetuned-libero-spatial-object-goal-10"
SERVED = (
    f"--pretrained_checkpoint {CHECKPOINT} --num_images_in_input 2 --use_proprio True --use_l1_regression True"
    " --unnorm_key {suite}_no_noops --port {port}"
)


def _statistics(suite: int) -> dict[str, Any]:
    rng = np.random.default_rng(suite)
    both: dict[str, Any] = {}
    for name, width in (("action", 7), ("proprio", 8)):
        both[name] = {"q01": rng.uniform(-2, -0.5, width), "q99": rng.uniform(0.5, 2, width)}
    both["action"]["mask"] = np.array([True] * 6 + [False])
    return both


def _stubbed(network: stub.Network, *modules: str) -> list[ModuleType]:
    """Modules of the checkout over a checkpoint without weights; its packages' ``__init__`` would import all of it."""
    stub.without("libero", "wandb", "imageio", "prismatic.models", "prismatic.extern.hf.processing_prismatic")
    for package in ("prismatic", "prismatic.vla", "prismatic.training"):
        stub.plain(package, __path__=[str(stub.checkout / package.replace(".", "/"))])
    constants = importlib.import_module("prismatic.vla.constants")

    for package in ("datasets", "datasets.rlds", "datasets.rlds.utils"):
        stub.plain(f"prismatic.vla.{package}")
    stub.plain("prismatic.vla.datasets.rlds.utils.data_utils", NormalizationType=constants.NormalizationType)
    import torch
    from prismatic.extern.hf.modeling_prismatic import OpenVLAForActionPrediction

    class Stubbed(OpenVLAForActionPrediction):
        llm_dim = 8

        def __init__(self) -> None:
            torch.nn.Module.__init__(self)
            self.norm_stats = {f"{suite}_no_noops": _statistics(at) for at, suite in enumerate(SUITES)}

        def predict_action(self, input_ids: Any, pixel_values: Any, unnorm_key: str, proprio: Any, **_: Any) -> Any:
            answer = network(
                (constants.NUM_ACTIONS_CHUNK, constants.ACTION_DIM), pixels=pixel_values.numpy(), prompt=input_ids[0],
                proprio=proprio, suite=unnorm_key,
            )  # fmt: skip
            # Its grippers are between 0 and 1.
            answer[:, 6] = (answer[:, 6] + 1) / 2
            return self._unnormalize_actions(answer, unnorm_key), None

    class Inputs(dict):  # type: ignore[type-arg]
        def to(self, *_: Any, **__: Any) -> Any:
            return self

    def processor(prompt: str, image: Any) -> Any:
        return Inputs(input_ids=[prompt], pixel_values=torch.from_numpy(np.asarray(image)[None].copy()))

    loaded = [stub.module(place) if place.endswith(".py") else importlib.import_module(place) for place in modules]
    for found in loaded:
        vars(found).update({
            "get_vla": lambda _cfg: Stubbed(), "get_model": lambda _cfg: Stubbed(),
            "get_processor": lambda _cfg: processor, "get_proprio_projector": lambda *_, **__: object(),
            "get_action_head": lambda *_: object(),
        })  # fmt: skip
    return loaded


def serve(port: int, network: stub.Network) -> None:
    (deploy,) = _stubbed(network, "vla-scripts/deploy.py")
    threads = []
    for at, suite in reversed(list(enumerate(SUITES))):
        sys.argv = ["deploy.py", *SERVED.format(suite=suite, port=port + at).split()]
        cfg = deploy.draccus.parse(deploy.DeployConfig)
        # The last to listen is the one that is waited for.
        threads.append(threading.Thread(target=deploy.OpenVLAServer(cfg).run, args=("127.0.0.1", cfg.port)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def ask(_port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """``run_episode`` of its evaluation, in an environment that shows the looks."""
    os.chdir(os.environ["RECORD"])
    (evaluation,) = _stubbed(stub.continued(), "experiments.robot.libero.run_libero_eval")
    chunks = []
    for episode in stub.episodes(looks):
        cfg = evaluation.GenerateConfig(pretrained_checkpoint=CHECKPOINT, task_suite_name=str(episode[0]["suite"]))
        evaluation.validate_config(cfg)
        model, action_head, proprio_projector, _, processor = evaluation.initialize_model(cfg)
        environment = stub.LiberoLooks(episode, cfg.num_steps_wait, cfg.num_open_loop_steps)
        evaluation.run_episode(
            cfg, environment, str(episode[0]["instruction"]), model, evaluation.get_image_resize_size(cfg),
            processor, action_head, proprio_projector, initial_state=episode[0],
        )  # fmt: skip
        chunks += environment.chunks
    return chunks


if __name__ == "__main__":
    stub.run(serve, ask)
