"""Cosmos-Policy on LIBERO: ``get_action`` of its ``cosmos_utils`` behind ``POST /act``; its own server is ALOHA's.

Run in a checkout of NVlabs/cosmos-policy, in its environment. Settings are those of LIBERO.md; one checkpoint plays all
four suites. As in ``run_episode`` NumPy's and torch's generators are set to 0 before each inference.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import http_act
import numpy as np

MODEL = "nvidia/Cosmos-Policy-LIBERO-Predict2-2B"


def policy(checkpoint: str, seed: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Load the checkpoint; the result answers ``primary_image``, ``wrist_image``, ``proprio``, ``task_description``."""
    os.environ["DETERMINISTIC"] = "True"
    from cosmos_policy.experiments.robot.cosmos_utils import (
        get_action,
        get_model,
        init_t5_text_embeddings_cache,
        load_dataset_stats,
    )
    from cosmos_policy.experiments.robot.libero.run_libero_eval import PolicyEvalConfig, validate_config
    from cosmos_policy.utils.utils import set_seed_everywhere

    cfg = PolicyEvalConfig(
        config="cosmos_predict2_2b_480p_libero__inference_only",
        ckpt_path=checkpoint,
        dataset_stats_path=f"{checkpoint}/libero_dataset_statistics.json",
        t5_text_embeddings_path=f"{checkpoint}/libero_t5_embeddings.pkl",
        seed=seed,
    )
    validate_config(cfg)
    set_seed_everywhere(cfg.seed)
    # Instructions that are not in the file, as LIBERO-Plus' are, are encoded by T5 when they first come.
    init_t5_text_embeddings_cache(cfg.t5_text_embeddings_path)
    statistics = load_dataset_stats(cfg.dataset_stats_path)
    model, _ = get_model(cfg)

    def answer(message: dict[str, Any]) -> dict[str, Any]:
        seen = {name: np.array(message[name]) for name in ("primary_image", "wrist_image", "proprio")}
        set_seed_everywhere(0)
        found = get_action(
            cfg,
            model,
            statistics,
            seen,
            message["task_description"],
            seed=cfg.seed,
            randomize_seed=cfg.randomize_seed,
            num_denoising_steps_action=cfg.num_denoising_steps_action,
            generate_future_state_and_value_in_parallel=True,
        )
        return {"actions": np.stack([np.asarray(action) for action in found["actions"]])}

    return answer


def main() -> None:
    """Serve one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default=MODEL)
    parser.add_argument("--seed", type=int, default=195, help="the published numbers average 195, 196 and 197")
    parser.add_argument("--port", type=int, default=8777)
    options = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    http_act.serve(policy(options.checkpoint, options.seed), options.port)


if __name__ == "__main__":
    main()
