"""Short runs of the installed lerobot and vla-eval on LIBERO-Plus, for what they write; run by results.sh.

Both import LIBERO as ``libero``; the package index has LIBERO-Plus as ``liberoplus``, so one name stands for the other.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

SUITE = "libero_object"
# Places in the suite's list: a robot, a camera, a language and a layout task.
TASKS = (248, 646, 1042, 1839)
WORDS = "pick up the alphabet soup and place it in the basket"
STEPS = 12


class Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``libero`` where ``liberoplus`` lies."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if name == "libero" or name.startswith("libero."):
            return importlib.util.spec_from_loader(name, self)
        return None

    def create_module(self, spec: Any) -> ModuleType:
        real = "liberoplus" + spec.name.removeprefix("libero")
        return importlib.import_module(real.replace("liberoplus.libero", "liberoplus.liberoplus", 1))

    def exec_module(self, module: ModuleType) -> None:
        pass


def package() -> Path:
    found = importlib.util.find_spec("liberoplus")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(next(iter(found.submodule_search_locations)), "liberoplus")


def prepare(run: Path, assets: str) -> None:
    """Say where LIBERO-Plus lies, as its first import would ask, and make a tiny checkpoint."""
    import torch
    import torchvision_ops  # noqa: F401  # before lerobot imports torchvision
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors
    from lerobot_checkpoints import act

    root, config = package(), run / "config"
    if not (root / "assets").exists():
        (root / "assets").symlink_to(assets)
    config.mkdir()
    folders = {"bddl_files": root / "bddl_files", "benchmark_root": root, "init_states": root / "init_files"}
    folders |= {"assets": Path(assets), "datasets": config}
    (config / "config.yaml").write_text("".join(f"{name}: {path}\n" for name, path in folders.items()))
    torch.manual_seed(0)
    settings, statistics = act(run)
    get_policy_class("act")(settings).save_pretrained(run / "act")
    for processor in make_pre_post_processors(settings, dataset_stats=statistics):
        processor.save_pretrained(run / "act")


def lerobot(run: Path) -> None:
    """Let lerobot-eval play one episode of each task."""
    import torchvision_ops  # noqa: F401
    from lerobot.scripts.lerobot_eval import main

    sys.meta_path.insert(0, Alias())
    sys.argv = [
        "lerobot-eval",
        f"--policy.path={run / 'act'}",
        "--policy.device=cpu",
        "--env.type=libero_plus",
        f"--env.task={SUITE}",
        f"--env.task_ids=[{', '.join(map(str, TASKS))}]",
        f"--env.episode_length={STEPS}",
        "--eval.n_episodes=1",
        "--eval.batch_size=1",
        "--eval.use_async_envs=false",
        f"--output_dir={run / 'lerobot'}",
        "--seed=7",
    ]
    main()


def vla_eval(run: Path, port: str) -> None:
    """Let vla-eval play a robot task, a camera task, and one whose textures nobody has."""
    names = [f"{WORDS} view 0 0 100 0 0 initstate 11", f"{WORDS} view 0 0 100 2 4 initstate 0", f"{WORDS} table 1"]
    (run / "vla_eval.yaml").write_text(
        f"""server: {{url: "ws://127.0.0.1:{port}", timeout: 60}}
output_dir: {run / "vla_eval"}
benchmarks:
  - benchmark: "vla_eval.benchmarks.libero_plus.benchmark:LIBEROPlusBenchmark"
    subname: {SUITE}
    max_steps: {STEPS}
    tasks: {names}
    params: {{suite: {SUITE}, seed: 7, send_wrist_image: true, send_state: true}}
"""
    )
    from vla_eval.cli.main import main

    sys.meta_path.insert(0, Alias())
    config = ["-c", str(run / "vla_eval.yaml"), "--no-docker", "--no-record-video", "--eval-id", "run", "-y"]
    sys.argv = ["vla-eval", "run", *config]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    record = run / "vla_eval" / "recording-run.sqlite"
    subprocess.run([str(Path(sys.executable).with_name("vla-eval")), "export", str(record)], check=True)


def hub(run: Path, schema: str = "") -> None:
    """Read what was exported as those who asked for it do: the hub's own library, and the leaderboard's own schema."""
    import json

    import yaml
    from huggingface_hub import parse_eval_result_entries

    entries = parse_eval_result_entries(yaml.safe_load((run / "hub.yaml").read_text()))
    found = {entry.task_id for entry in entries}
    assert found == {"robot", "camera", "language", "layout"}, entries
    if schema:
        import jsonschema

        rules = json.loads(Path(schema).read_text())
        jsonschema.Draft7Validator(rules).validate(json.loads((run / "vla.leaderboard.json").read_text()))
    print(f"hub: {len(entries)} entries read{'; the leaderboard entry fits its schema' if schema else ''}")


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "lerobot": lerobot,
        "vla_eval": vla_eval,
        "hub": hub,
    }
    commands[command](Path(folder), *rest)
