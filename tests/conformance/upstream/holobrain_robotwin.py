"""HoloBrain0's processor, pipeline and RoboTwin policy over a stubbed network; its RoboTwin environment is ours.

The exported pipeline is written by upstream's own configuration, as its export.py does. The robot's description lies on
the hub: arms of the same joints and links, in the same order, stand for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import stub

CHUNK = 32
DATASET = "robotwin2_0"
_LINKS = 8


def prepare(checkout: Path, network: stub.Network) -> None:
    """Export a pipeline without weights to ``model`` in the network's folder, and load the network into it."""
    sys.path[:0] = [str(checkout), str(checkout / "projects/holobrain/configs")]
    if not (checkout / "robo_orchard_lab/version.py").exists():
        # `make version` writes it.
        stub.plain("robo_orchard_lab.version", __version__="", __full_version__="", __git_hash__="")
    stub.plain("robo_orchard_lab.envs.robotwin.env", RoboTwinEnvStepReturn=type("RoboTwinEnvStepReturn", (), {}))
    import torch
    from projects.holobrain.utils import load_config
    from robo_orchard_lab.models.holobrain import HoloBrainInferencePipeline, HoloBrainInferencePipelineCfg
    from robo_orchard_lab.utils.path import in_cwd

    class Model(torch.nn.Module):
        cfg, device = None, torch.device("cpu")

        def forward(self, data: Mapping[str, Any]) -> Any:
            arrays = {name: value.cpu().numpy() for name, value in data.items() if isinstance(value, torch.Tensor)}
            (said,) = data["text"]
            (arms,) = data["kinematics"]
            answer = network((1, 64, 14, 8), text=said, links=" ".join(arms.keys), **arrays)
            return [{"pred_actions": torch.from_numpy(0.3 * answer)}]

    folder = network.folder / "model"
    (folder / "urdf" / "arx5").mkdir(parents=True)
    (folder / "urdf" / "arx5" / "arx5_description_isaac.urdf").write_text(_arms())
    settings = load_config(str(checkout / "projects/holobrain/configs/config_holobrain_qwen_common.py"))
    with in_cwd(str(folder)):
        processor = settings.build_processors({**settings.config, "deploy_datasets": [DATASET]})[DATASET]
        exported = HoloBrainInferencePipelineCfg(
            class_type=HoloBrainInferencePipeline, model_cfg=None, processor=processor.cfg
        )
        Path(f"{DATASET}.config.json").write_text(exported.model_dump_json())

    def load(directory: str, inference_prefix: str, **_: Any) -> Any:
        """``load_pipeline`` with the stub in the place of model and weights."""
        from robo_orchard_core.utils.config import load_config_class

        with in_cwd(directory):
            cfg = load_config_class(Path(f"{inference_prefix}.config.json").read_text())
            return HoloBrainInferencePipeline(cfg=cfg, model=Model())

    HoloBrainInferencePipeline.load_pipeline = staticmethod(load)


def evaluated(told: Mapping[str, str], looks: list[dict[str, Any]]) -> Iterator[Any]:
    """What ``robotwin_eval.py`` would execute: its policy, in its environment's own observations, one each look."""
    from projects.holobrain.policy.robotwin_policy import HoloBrainRoboTwinPolicy, HoloBrainRoboTwinPolicyCfg
    from robo_orchard_lab.envs.robotwin.obs import _format_observation
    from robo_orchard_lab.models.holobrain import HoloBrainInferencePipeline

    pipeline = HoloBrainInferencePipeline.load_pipeline(directory=told["model_dir"], inference_prefix=DATASET)
    policy = HoloBrainRoboTwinPolicy(HoloBrainRoboTwinPolicyCfg(), pipeline=pipeline)
    for episode in stub.episodes(looks):
        policy.reset()
        for look in episode:
            executed = []
            for count in range(CHUNK):
                # In between, something else: none of it may reach the network.
                seen = _format_observation(
                    _raw(look, blank=count > 0), instructions=str(look["instruction"]), step_index=0,
                    step_timestamp=0.0, format_datatypes=True, joint_names=None, base_tf_graph=SimpleNamespace(),
                    robots={}, joint_eef=None, left_control_eef_frame_id="", right_control_eef_frame_id="",
                )  # fmt: skip
                executed.append(policy.act(seen))
            yield np.stack(executed)


def _raw(look: Mapping[str, Any], *, blank: bool) -> dict[str, Any]:
    """``get_obs`` of RoboTwin with all its cameras, in its types: matrices single, depth millimetres in double."""
    cameras = {}
    for name in ("left_camera", "right_camera", "head_camera", "front_camera"):
        cameras[name] = {
            "intrinsic_cv": look[f"{name}.intrinsic_cv"].reshape(3, 3).astype(np.float32),
            "extrinsic_cv": look[f"{name}.extrinsic_cv"].reshape(3, 4).astype(np.float32),
            "rgb": look[name] // (2 if blank else 1),
            "depth": look[f"{name}.depth"].astype(np.float64) * (0 if blank else 1000),
        }
    return {"observation": cameras, "joint_action": {"vector": look["joint_pos"] + blank}, "endpose": {}}


def _arms() -> str:
    """Ten joints of a base, then two arms of six joints and two fingers: the places that upstream's kinematics take."""
    parts = ["<robot name='arms'>", "<link name='base'/>"]
    for number in range(10):
        parts += _joint(f"base_joint{number}", f"wheel{number}", "base", "continuous", (0, 0, 1), (0, 0, 0))
    for side, across in (("fl", 0.3), ("fr", -0.3)):
        parent = "base"
        for number in range(1, _LINKS + 1):
            finger = number > 6
            kind, axis = ("prismatic", (0, 1, 0)) if finger else ("revolute", (0, 1, 0) if number % 2 else (0, 0, 1))
            at = (0.0, across, 0.7) if number == 1 else (0.1, 0.02 * (number - 7.5) * finger, 0.03)
            parts += _joint(f"{side}_joint{number}", f"{side}_link{number}", parent, kind, axis, at)
            parent = f"{side}_link{min(number, 6)}"
    return os.linesep.join([*parts, "</robot>"])


def _joint(name: str, link: str, parent: str, kind: str, axis: Any, at: Any) -> list[str]:
    limits = "" if kind == "continuous" else "<limit lower='-3' upper='3' effort='1' velocity='1'/>"
    return [
        f"<link name='{link}'/>",
        f"<joint name='{name}' type='{kind}'><parent link='{parent}'/><child link='{link}'/>"
        f"<origin xyz='{at[0]} {at[1]} {at[2]}'/><axis xyz='{axis[0]} {axis[1]} {axis[2]}'/>{limits}</joint>",
    ]
