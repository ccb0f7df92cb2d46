"""Cosmos-Policy on LIBERO: our server around its ``get_action``, held against its evaluation's own functions.

Only ``generate_samples_from_batch``, the text encoder and the pictures that it predicts are stubbed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import stub

SERVING = Path(__file__).parents[3] / "pytest_robustplus" / "policies" / "serving"
MOCKED = (
    "libero", "wandb", "h5py", "draccus", "tqdm", "imageio", "huggingface_hub", "robosuite",
    "cosmos_policy._src", "cosmos_policy.datasets.dataset_common",
)  # fmt: skip


def _stubbed(network: stub.Network) -> Any:
    """Its ``cosmos_utils`` with a network that answers latent frames, on a processor without a card."""
    import torch

    stub.without(*MOCKED)
    stub.torchvision_without_a_card()
    torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[method-assign]
    import cosmos_policy.experiments.robot.cosmos_utils as utils

    class Model:
        config = SimpleNamespace(min_num_conditional_frames=4)

        def generate_samples_from_batch(self, batch: Any, num_steps: int, seed: int, **_: Any) -> Any:
            answer = network(
                (1, 16, 9, 28, 28), video=batch["video"].numpy(), proprio=batch["proprio"].float().numpy(),
                text=batch["t5_text_embeddings"].float().numpy(), steps=num_steps, seed=seed,
                noise=np.random.randint(2**31),
            )  # fmt: skip
            return torch.from_numpy(answer), torch.zeros(1, 16, 9, 28, 28)

    def embedding(text: str) -> Any:
        rows = np.frombuffer(text.encode().ljust(256, b" ")[:256], np.uint8).reshape(1, 4, 64)
        return torch.from_numpy(rows.astype(np.float32))

    statistics = {f"actions_{end}": np.full(7, value) for end, value in (("min", -0.9), ("max", 0.8))}
    statistics |= {f"proprio_{end}": np.full(9, value) for end, value in (("min", -2.0), ("max", 2.0))}
    settings = SimpleNamespace(dataloader_train=SimpleNamespace(dataset=SimpleNamespace(chunk_size=16)))
    utils.get_model = lambda _cfg: (Model(), settings)
    utils.init_t5_text_embeddings_cache = lambda _path: None
    utils.load_dataset_stats = lambda _path: statistics
    utils.get_t5_embedding_from_cache = embedding
    utils.get_future_images_from_generated_samples = lambda *_, **__: {}
    return utils


def serve(port: int, network: stub.Network) -> None:
    _stubbed(network)
    # By its file, as this driver has the name, too.
    sys.path.append(str(SERVING))
    import http_act

    serving = stub.module(str(SERVING / "cosmos.py"))
    http_act.serve(serving.policy("checkpoint", 195), port, "127.0.0.1")


def ask(port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """``run_episode``'s way from an observation to actions."""
    import os

    os.environ["DETERMINISTIC"] = "True"
    utils = _stubbed(stub.continued())
    import cosmos_policy.experiments.robot.libero.run_libero_eval as evaluation

    cfg = evaluation.PolicyEvalConfig(seed=195)
    model, _ = utils.get_model(cfg)
    chunks = []
    for look in looks:
        seen = {
            "agentview_image": look["agentview"], "robot0_eye_in_hand_image": look["wrist"],
            "robot0_gripper_qpos": look["gripper_qpos"], "robot0_eef_pos": look["eef_pos"],
            "robot0_eef_quat": look["eef_quat"],
        }  # fmt: skip
        evaluation.set_seed_everywhere(0)
        found = utils.get_action(
            cfg, model, utils.load_dataset_stats(""), evaluation.prepare_observation(seen, 224, cfg.flip_images),
            str(look["instruction"]), seed=cfg.seed, randomize_seed=cfg.randomize_seed,
            num_denoising_steps_action=cfg.num_denoising_steps_action,
            generate_future_state_and_value_in_parallel=True,
        )  # fmt: skip
        chunks.append(found["actions"])
    return chunks


if __name__ == "__main__":
    stub.run(serve, ask)
