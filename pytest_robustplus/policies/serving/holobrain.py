"""HoloBrain0 on RoboTwin: its own ``HoloBrainRoboTwinPolicy`` as a RoboTwin policy module, which its repository lacks.

Played in this process, ``--robust-policy=python:holobrain``, in the environment of HorizonRobotics/RoboOrchardLab with
a checkout of it and this folder on the path. The policy is shown what its own ``robotwin_eval.py`` shows it, in the
repository's data types; the profile's ``request`` says where its checkpoint is.
"""

from __future__ import annotations

from typing import Any


def get_model(args: dict[str, Any]) -> Any:
    """Load a checkpoint as ``robotwin_eval.py`` does for a local evaluation."""
    from projects.holobrain.policy.robotwin_policy import HoloBrainRoboTwinPolicy, HoloBrainRoboTwinPolicyCfg
    from robo_orchard_lab.models.holobrain.pipeline import HoloBrainInferencePipeline

    pipeline = HoloBrainInferencePipeline.load_pipeline(
        directory=args["model_dir"],
        inference_prefix=args["inference_prefix"],
        device=args["device"],
        load_weights=True,
        load_impl="native",
        model_prefix="model",
    )
    pipeline.model.eval()
    cfg = HoloBrainRoboTwinPolicyCfg(use_action_chunk_size=args["use_action_chunk_size"])
    return HoloBrainRoboTwinPolicy(cfg=cfg, pipeline=pipeline)


def eval(TASK_ENV: Any, model: Any, observation: dict[str, Any]) -> None:  # noqa: N803 - RoboTwin's names
    """Infer once and execute what its evaluation executes before it infers again."""
    from robo_orchard_lab.envs.robotwin.obs import get_joints, get_observation_cams

    seen = {
        "cameras": get_observation_cams(observation),
        "joints": get_joints(observation),
        "instructions": TASK_ENV.get_instruction(),
    }
    for _ in range(model.cfg.use_action_chunk_size):
        TASK_ENV.take_action(model.act(seen))


def reset_model(model: Any) -> None:
    """Forget the actions left of the last chunk."""
    model.reset()
