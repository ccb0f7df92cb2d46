"""Fast-WAM on LIBERO: ``_predict_action_chunk`` of its evaluation behind ``POST /act``; its repository has no server.

Run in a checkout of yuantianyuan01/FastWAM, in its environment with LIBERO, as its own evaluation. It answers the
actions that its evaluation would execute; one checkpoint plays all four suites.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import http_act
import numpy as np

TASK = "libero_uncond_2cam224_1e-4"


def policy(task: str, checkpoint: str, statistics: str, device: str) -> Callable[[dict[str, Any]], Any]:
    """Load a checkpoint as ``eval_single_process`` does; answers actions of shape (steps, 7)."""
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    # By its folder: beside it lies what it imports.
    sys.path.insert(0, os.path.abspath("experiments/libero"))
    import eval_libero_single as evaluation

    with initialize_config_dir(version_base="1.3", config_dir=os.path.abspath("configs")):
        cfg = compose("sim_libero.yaml", overrides=[f"task={task}"])
    cfg.ckpt, cfg.EVALUATION.dataset_stats_path, cfg.EVALUATION.device = checkpoint, statistics, device
    evaluation.set_global_seed(int(cfg.seed), get_worker_init_fn=False)
    dtype = evaluation._mixed_precision_to_model_dtype(cfg.mixed_precision)
    model = instantiate(cfg.model, model_dtype=dtype, device=device)
    evaluation._load_model_checkpoint(model, checkpoint)
    model = model.to(device).eval()
    processor = instantiate(cfg.data.train.processor).eval()
    bounds = evaluation.load_dataset_stats_from_json(str(evaluation._resolve_dataset_stats_path(cfg)))
    processor.set_normalizer_from_stats(bounds)
    height, width = cfg.data.train.video_size

    def answer(message: dict[str, Any]) -> Any:
        state = np.array(message["state"])
        seen = {
            # They come upright, and its evaluation turns them itself.
            "agentview_image": np.array(message["full_image"])[::-1, ::-1],
            "robot0_eye_in_hand_image": np.array(message["wrist_image"])[::-1, ::-1],
            "robot0_eef_pos": state[:3],
            "robot0_eef_quat": state[3:7],
            "robot0_gripper_qpos": state[7:],
        }
        actions, _, _ = evaluation._predict_action_chunk(
            obs=seen,
            task_description=message["instruction"],
            model=model,
            processor=processor,
            cfg=cfg,
            action_horizon=cfg.EVALUATION.action_horizon or cfg.data.train.num_frames - 1,
            input_w=width,
            input_h=height,
            model_device=device,
        )
        return np.asarray(actions)

    return answer


def main() -> None:
    """Serve one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default=TASK, help="a file of configs/task, such as libero_joint_2cam224_1e-4")
    parser.add_argument("--checkpoint", required=True, help="libero_uncond_2cam224.pt")
    parser.add_argument("--statistics", required=True, help="libero_uncond_2cam224_dataset_stats.json")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--port", type=int, default=8777)
    options = parser.parse_args()
    sys.path[:0] = [os.getcwd(), os.path.abspath("src")]
    http_act.serve(policy(options.task, options.checkpoint, options.statistics, options.device), options.port)


if __name__ == "__main__":
    main()
