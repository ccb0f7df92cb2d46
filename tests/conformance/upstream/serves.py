"""Run a card's ``serve`` command in a checkout up to where it loads weights: python serves.py MODEL CHECKOUT.

The shell, the script, its parser and its configuration are upstream's; what is not installed is mocked, and the
function that would read the checkpoint says what it was asked for. Exits with 1 where the command never gets there.
``--python`` as in run.py.
"""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LOADERS = {
    "abot_m0": "ABot.model.framework.base_framework:baseframework.from_pretrained",
    "cosmos_policy": "cosmos_policy.experiments.robot.cosmos_utils:init_t5_text_embeddings_cache",
    "fast_wam": "hydra.utils:instantiate",
    "fast_wam_joint": "hydra.utils:instantiate",
    "ge_act": "web_infer_utils.MVActor:MVActor.__init__",
    "lingbot_va": "modules.utils:load_vae",
    "openvla_oft": "experiments.robot.openvla_utils:get_vla",
    "pi0": "openpi.models.model:restore_params",
    "pi05": "openpi.models.model:restore_params",
    "pi0_fast": "openpi.models.model:restore_params",
    "ript_vla": "ript.algos.rl_optimizers.openvla_oft_interface:OpenVLA_OFT_Policy",
    "starvla": "deployment.model_server.policy_wrapper:baseframework.from_pretrained",
    "univla": "torch:load",
    "vla_jepa": "starVLA.model.framework.base_framework:baseframework.from_pretrained",
    "x_vla": "models.modeling_xvla:XVLA.from_pretrained",
}
"""Where each reads its checkpoint."""
REACHED = "weights are asked for with"
SHIM = """#!/bin/sh
case "$1 $2" in
"-m pytest_robustplus.policies.serving") echo "{serving}";;
"run "*) shift; exec "{python}" "{file}" --inside "{model}" "$@";;
*) exec "{python}" "{file}" --inside "{model}" "$@";;
esac
"""


def commands(model: str, benchmark: str) -> list[str]:
    """The lines of the card, without those that play by ``python:``."""
    from pytest_robustplus.policies.cards import load_cards

    lines = load_cards()[model].serve[benchmark]
    return [line for line in lines if not line.startswith(("cd ", "PYTHONPATH=", "#", "["))]


def run(command: str, model: str, checkout: Path, python: str) -> str:
    """What the shell prints for one command, in a shell whose ``python`` stops where weights are loaded."""
    serving = ROOT / "pytest_robustplus" / "policies" / "serving"
    with tempfile.TemporaryDirectory() as place:
        for name in ("python", "uv"):
            shim = Path(place) / name
            shim.write_text(SHIM.format(python=python, file=Path(__file__).resolve(), model=model, serving=serving))
            shim.chmod(0o755)
        environment = {**os.environ, "PATH": f"{place}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
        environment |= {"PYTHONPATH": str(HERE), "JAX_PLATFORMS": "cpu", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            ["bash", "-c", command], cwd=checkout, env=environment, text=True, capture_output=True, check=False,
            timeout=180,
        )  # fmt: skip
    return done.stdout + done.stderr


def inside(model: str, arguments: list[str]) -> None:
    """Be ``python ARGUMENTS`` in upstream's environment, up to the weights."""
    import stub

    sys.path.insert(0, os.getcwd())
    if arguments[:2] == ["-m", "torch.distributed.run"]:
        from torch.distributed.run import get_args_parser

        launched = get_args_parser().parse_args(arguments[2:])
        arguments = [launched.training_script, *launched.training_script_args]
    if not arguments[0].startswith("-"):
        # Behind the checkout, whose package may have the name of a server of ours.
        sys.path.append(str(Path(arguments[0]).resolve().parent))
    sys.path[:0] = [str(Path(extra).resolve()) for extra in ("src", "packages/openpi-client/src", "wan_va")]
    stub.checkout = Path.cwd()
    if not model.startswith("pi0"):
        stub.torchvision_without_a_card()
    for package in ABSENT.get(model.removesuffix("_joint"), ()):
        stub.without(package)
    _stop_at(LOADERS[model])
    if model.startswith("pi0"):
        from openpi.shared import download

        download.maybe_download = lambda url, **_: Path(url)
    sys.argv = arguments[1:] if arguments[0] == "-m" else arguments
    if arguments[0] == "-m":
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(arguments[0], run_name="__main__")


ABSENT = {
    "abot_m0": ("ABot", "matplotlib"),
    "cosmos_policy": (
        "libero", "wandb", "h5py", "draccus", "imageio", "robosuite", "cosmos_policy._src",
        "cosmos_policy.datasets.dataset_common",
    ),
    "fast_wam": (
        "git", "libero", "fastwam.utils.video_io", "fastwam.datasets.lerobot.base_lerobot_dataset", "av", "imageio",
        "boto3", "botocore",
    ),
    "ge_act": ("decord", "data", "models", "utils", "diffusers", "transformers", "peft", "imageio", "moviepy", "h5py"),
    "lingbot_va": ("diffusers", "transformers", "modules", "distributed"),
    "openvla_oft": ("prismatic", "tensorflow"),
    "pi0": ("lerobot", "wandb"),
    "pi05": ("lerobot", "wandb"),
    "pi0_fast": ("lerobot", "wandb"),
    "ript_vla": (
        "libero", "wandb", "draccus", "imageio", "robosuite", "tensorflow", "transformers", "prismatic", "timm",
        "peft", "hydra", "ript.algos", "h5py", "deepspeed", "json_numpy", "experiments",
    ),
    "starvla": ("starVLA",),
    "univla": (
        "libero", "wandb", "draccus", "imageio", "robosuite", "tensorflow", "transformers", "prismatic", "timm", "peft",
        "latent_action_model", "json_numpy",
    ),
    "vla_jepa": ("starVLA",),
    "x_vla": ("models",),
}  # fmt: skip
"""What only weights have a use for, or what takes long to install."""


def _stop_at(place: str) -> None:
    """Let the function that reads the checkpoint tell what it is asked for, and end there."""
    name, _, attribute = place.partition(":")
    owner: Any = importlib.import_module(name)
    *parents, last = attribute.split(".")
    for parent in parents:
        owner = getattr(owner, parent)

    def reached(*told: Any, **more: Any) -> None:
        said = [repr(value)[:300] for value in told] + [f"{key}={value!r}"[:300] for key, value in more.items()]
        print(REACHED, ", ".join(said), flush=True)
        os._exit(0)

    setattr(owner, last, reached)


def main() -> int:
    """Run each command of the card; 0 if all of them reach the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="MODEL or MODEL/BENCHMARK")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    model, _, benchmark = options.model.partition("/")
    missed = 0
    for command in commands(model, benchmark or "libero_plus"):
        printed = run(command, model, options.checkout, options.python)
        line = next((line for line in printed.splitlines() if line.startswith(REACHED)), "")
        print(f"{options.model}: {command}\n  {line or 'never got to its weights:' + printed[-2500:]}")
        missed += not line
    return 1 if missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
