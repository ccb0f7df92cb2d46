"""Fast-WAM and its joint variant on LIBERO: our server around ``_predict_action_chunk``, held against its evaluation.

Its configurations, processor and normaliser are its own; ``infer_action`` is stubbed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import stub

SERVING = Path(__file__).parents[3] / "pytest_robustplus" / "policies" / "serving"
TASKS = {"fast_wam": "libero_uncond_2cam224_1e-4", "fast_wam_joint": "libero_joint_2cam224_1e-4"}
HORIZON = 32


def stubbed(network: stub.Network, checkout: Path) -> None:
    """Let its modules be imported over a model without weights."""
    import torch

    sys.path[:0] = [str(checkout), str(checkout / "src")]
    stub.torchvision_without_a_card()
    stub.without(
        "git",
        "libero",
        "fastwam.utils.video_io",
        "fastwam.datasets.lerobot.base_lerobot_dataset",
        "av",
        "imageio",
        "boto3",
        "botocore",
    )

    class Model:
        """In the place of ``FastWAM``."""

        device, torch_dtype = torch.device("cpu"), torch.bfloat16

        def to(self, _: Any) -> Any:
            return self

        def eval(self) -> Any:
            return self

        def load_checkpoint(self, _: str) -> None: ...

        def infer_action(self, *, input_image: Any, proprio: Any, action_horizon: int, **told: Any) -> Any:
            told = {name: value for name, value in told.items() if value is not None}
            frame, state = input_image.float().numpy(), proprio.numpy()
            answer = network(
                (action_horizon, proprio.shape[-1] - (proprio.shape[-1] == 8)), frame=frame, state=state, **told
            )
            return {"action": torch.from_numpy(answer)}

    class Joint(Model):
        """In the place of ``FastWAMJoint``, which is asked for frames as well."""

        def infer_action(self, *, num_video_frames: int, **asked: Any) -> Any:
            return super().infer_action(frames=num_video_frames, **asked)

    stub.plain("fastwam.runtime", create_fastwam=lambda **_: Model(), create_fastwam_joint=lambda **_: Joint())


def statistics(file: Path, action: int, state: int) -> str:
    """Write bounds as its data sets have them."""
    rng = np.random.default_rng(0)
    kinds = {"min": (-2.0, -0.5), "max": (0.5, 2.0), "mean": (-0.2, 0.2), "std": (0.2, 1.0)}
    bounds = {
        name: {"default": {f"global_{kind}": rng.uniform(*ends, width).tolist() for kind, ends in kinds.items()}}
        for name, width in (("action", action), ("state", state))
    }
    file.write_text(json.dumps(bounds))
    return str(file)


def serve(port: int, network: stub.Network) -> None:
    os.chdir(stub.checkout)
    stubbed(network, stub.checkout)
    sys.path.append(str(SERVING))
    import http_act

    serving = stub.module(str(SERVING / "fast_wam.py"))
    bounds = statistics(network.folder / "statistics.json", 7, 8)
    http_act.serve(
        serving.policy(TASKS[os.environ["MODEL"]], "libero_uncond_2cam224.pt", bounds, "cpu"), port, "127.0.0.1"
    )


def ask(_port: int, looks: list[dict[str, Any]]) -> list[Any]:
    """``eval_single_process`` of its evaluation, in an environment that shows the looks."""
    network = stub.continued()
    stubbed(network, stub.checkout)
    sys.path.insert(0, str(stub.checkout / "experiments" / "libero"))
    import eval_libero_single as evaluation
    from hydra import compose, initialize_config_dir

    chunks = []
    for episode in stub.episodes(looks):
        suite = str(episode[0]["suite"])
        overrides = [
            f"task={TASKS[os.environ['MODEL']]}", "ckpt=weights.pt", "EVALUATION.device=cpu",
            "EVALUATION.num_trials=1",
            f"EVALUATION.task_suite_name={suite}", f"EVALUATION.output_dir={network.folder}",
            f"EVALUATION.dataset_stats_path={network.folder}/statistics.json",
        ]  # fmt: skip
        with initialize_config_dir(version_base="1.3", config_dir=str(stub.checkout / "configs")):
            cfg = compose("sim_libero.yaml", overrides=overrides)
        environment = stub.LiberoLooks(episode, cfg.EVALUATION.num_steps_wait, cfg.EVALUATION.replan_steps)
        told = str(episode[0]["instruction"])
        shown = SimpleNamespace(get_task=lambda _: None, get_task_init_states=lambda _: [None])
        evaluation.benchmark.get_benchmark_dict = lambda suite=suite, shown=shown: {suite: lambda: shown}
        evaluation.get_libero_env = lambda *_, environment=environment, told=told: (environment, told)
        evaluation.save_rollout_video = lambda *_, **__: None
        evaluation.eval_single_process.__wrapped__(cfg)
        chunks += environment.chunks
    return chunks


if __name__ == "__main__":
    stub.run(serve, ask)
