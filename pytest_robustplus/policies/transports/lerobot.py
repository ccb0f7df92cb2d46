"""Checkpoints in a directory as lerobot saves them: policy, pre-processor and post-processor."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_robustplus.errors import BadInputError, PolicyError, shown
from pytest_robustplus.policies.contract import Actions, Observation
from pytest_robustplus.policies.transports import replies, timing
from pytest_robustplus.policies.transports.libraries import load

if TYPE_CHECKING:
    from pytest_robustplus.policies.request import PolicyRequest

PURPOSE = "Playing a lerobot checkpoint"
STEPS = ("lerobot.processor.", "lerobot.policies.")
"""Where the classes of processing steps may come from: lerobot calls whatever a checkpoint's JSON names."""
STEPWISE = ("diffusion", "lingbot_va")
"""Types that must be asked every step: their own queue holds what a chunk asked for at once would leave out."""


class LeRobot:
    """A directory written by ``save_pretrained``; the card's cameras feed its visual inputs in their order.

    Frames go in as (1, 3, height, width) float32 in 0 to 1, with ``observation.state`` and ``task``. Runs on the GPU
    if torch sees one. One episode at a time.
    """

    remembers_one = True

    def __init__(self, request: PolicyRequest) -> None:
        folder = Path(request.address).expanduser()
        if not (folder / "config.json").is_file():
            raise BadInputError(
                f"{folder} is no lerobot checkpoint: it has no config.json. Name the folder that save_pretrained wrote;"
                " its path begins in the working directory, or beside the pyproject.toml that names it."
            )
        refuse_foreign_steps(folder)
        self._torch = load("torch", "torch", PURPOSE)
        factory = load("lerobot.policies.factory", "lerobot", PURPOSE)
        configs = load("lerobot.configs.policies", "lerobot", PURPOSE)
        config = configs.PreTrainedConfig.from_pretrained(str(folder))
        config.device = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._policy = factory.get_policy_class(config.type).from_pretrained(str(folder), config=config)
        self._policy.eval()
        device = {"device_processor": {"device": config.device}}
        self._before, self._after = factory.make_pre_post_processors(
            config, pretrained_path=str(folder), preprocessor_overrides=device
        )
        self._stepwise = config.type in STEPWISE or getattr(config, "n_obs_steps", 1) > 1
        self._cameras = _inputs(config, request.profile.cameras, str(folder))
        self._device = config.device
        self._slot: int | None = None
        self.timings: deque[timing.Timing] = deque(maxlen=timing.KEPT)
        self.checkpoint = f"lerobot-{config.type}-{_digest(folder)}"

    def reset(self, slot: int, instruction: str) -> None:
        self._slot = slot
        self._policy.reset()

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        return [self._act(observation) for observation in observations]

    def _act(self, observation: Observation) -> Actions:
        if observation.slot != self._slot:
            raise PolicyError(f"A lerobot policy keeps one episode at a time, that of slot {self._slot}.")
        start = perf_counter()
        batch: dict[str, Any] = {"task": [observation.instruction]}
        for camera, name in self._cameras.items():
            batch[name] = self._tensor(np.moveaxis(observation.images[camera], -1, 0)).float() / 255
        if "state" in observation.state:
            batch["observation.state"] = self._tensor(observation.state["state"]).float()
        with self._torch.inference_mode():
            ask = self._policy.select_action if self._stepwise else self._policy.predict_action_chunk
            # Moving the answer to the host waits for the device, so the time is that of the whole inference.
            answer = self._after(ask(self._before(batch))).float().cpu().numpy()
        self.timings.append(timing.Timing(perf_counter() - start, None, 0, 0))
        return replies.chunk(answer, "The lerobot policy")

    def _tensor(self, array: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)[None]).to(self._device)


def refuse_foreign_steps(folder: Path) -> None:
    """Refuse a checkpoint whose files name other code than lerobot's own as a step; raises ``BadInputError``."""
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise BadInputError(f"Cannot read {path} of the lerobot checkpoint: {error}.") from error
        steps = content.get("steps") if isinstance(content, dict) else None
        for step in steps if isinstance(steps, list) else ():
            name = step.get("class") if isinstance(step, dict) and "registry_name" not in step else None
            if name is not None and not (isinstance(name, str) and name.startswith(STEPS) and name.endswith("Step")):
                raise BadInputError(
                    f"{path} names {shown(name)} as a processing step. Loading it would run that code, so it is"
                    " refused: only lerobot's own steps are taken. If it is yours, register it with lerobot's"
                    " ProcessorStepRegistry, import it in conftest.py, and save the checkpoint again."
                )


def _inputs(config: Any, cameras: Sequence[str], where: str) -> dict[str, str]:
    names = list(config.image_features)
    if len(names) < len(cameras):
        raise BadInputError(
            f"{where} has {len(names)} visual inputs ({', '.join(names)}), but the model's profile has the cameras"
            f" {', '.join(cameras)}. Name those that it reads under cameras."
        )
    missing = [name for name in names[len(cameras) :] if "empty" not in name]
    if missing:
        raise BadInputError(
            f"{where} reads {', '.join(missing)} beside the cameras {', '.join(cameras)} of the model's profile."
        )
    return dict(zip(cameras, names, strict=False))


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors"):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                while piece := file.read(2**20):
                    digest.update(piece)
    return digest.hexdigest()[:12]
