"""How one model sees and acts: data, never code, so that a card can be reviewed and checked before episode 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_robustplus.errors import BadInputError

PromptSource = Literal["task_language", "bddl"]
Looks = Literal["each", "chunk"]
Prompt = Literal["instruction", "task_name"]
Flip = Literal["none", "vertical", "rotate180"]
Resize = Literal["none", "bilinear", "pad", "lanczos3", "area"]
Gripper = Literal["identity", "sign", "threshold"]
Control = Literal["delta", "absolute"]
ActionSpace = Literal["eef", "joint"]
Unnormalise = Literal["server", "quantiles", "min_max"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a model expects of one benchmark, applied around whatever transport serves it.

    A profile says what is done on this side of the transport. What the model's own server does (a crop, say) is left to
    the server and named in ``notes``; doing it here as well would do it twice.

    **Acting.** ``replan`` is how many actions are executed before the policy looks again. A model that wants frames in
    between looks more often than it infers, so ``replan`` may be a fraction of ``chunk``, the actions of one inference
    (0: not fixed). A RoboTwin module that looks after each action and forgets what it saw is drawn for once a chunk:
    ``looks`` is then ``chunk``. ``control`` and ``action_space`` are the convention of the actions that reach the
    simulator, and ``action_width`` their number of components.

    **Seeing.** The simulator renders ``cameras`` at ``image_size`` pixels in height and ``image_width`` in width (0:
    square). Then, in this order: ``flip`` of the raw frame, per camera; a JPEG round trip of ``jpeg_quality`` (0:
    none); ``resize`` to ``input_size``, (height, width); a centre crop that keeps ``crop_area`` of the area (1: none),
    scaled back. ``history`` is how many frames the model remembers; its server or its transport keeps them. ``depth``
    names those of the cameras whose distances the model is shown, too; they are flipped as the frames are.

    **State.** ``state`` lists the parts of the vector that the model reads, empty for none; policies/profiles/state.py
    names them. After the first inference of an episode, the columns ``state_from_action`` are not sensed but taken from
    the model's own last predicted action, and the vectors of ``sensed_from_action`` are those columns of the last
    action that was executed.

    **Actions.** In this order: ``unnormalise`` by the bounds in the file ``statistics`` under ``statistics_key``,
    unless the server has done it; ``action`` lists the parts of the model's vector, empty when it is the environment's
    own, and policies/profiles/actions.py names them; ``action_order`` picks columns; ``gripper`` turns
    ``gripper_columns`` into the environment's convention: ``sign`` is that of the distance to ``gripper_threshold``,
    ``threshold`` is +1 above it and -1 otherwise; ``gripper_invert`` negates.

    **Protocol.** ``horizons`` are control steps per suite, not counting the ``settle_steps``, which ``settle_action``
    fills; ``longest`` ends an episode earlier in whatever suite (0: not). ``env_seed`` moves fixtures;
    ``prompt_source`` says where the instruction comes from, and ``prompt`` whether the model is told it or the base
    task's name in its place. ``request`` goes with every request to the model's server as it is.
    """

    replan: int = 8
    chunk: int = 0
    looks: Looks = "each"
    control: Control = "delta"
    action_space: ActionSpace = "eef"
    action_width: int = 7
    cameras: tuple[str, ...] = ("agentview", "wrist")
    image_size: int = 256
    image_width: int = 0
    flip: Mapping[str, Flip] = field(default_factory=dict)
    jpeg_quality: int = 0
    resize: Resize = "none"
    input_size: tuple[int, ...] = ()
    crop_area: float = 1.0
    depth: tuple[str, ...] = ()
    history: int = 1
    state: tuple[str, ...] = ()
    state_from_action: tuple[int, ...] = ()
    sensed_from_action: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    unnormalise: Unnormalise = "server"
    statistics: str = ""
    statistics_key: str = ""
    action: tuple[str, ...] = ()
    action_order: tuple[int, ...] = ()
    gripper: Gripper = "identity"
    gripper_threshold: float = 0.5
    gripper_invert: bool = False
    gripper_columns: tuple[int, ...] = (-1,)
    settle_steps: int = 10
    settle_action: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    horizons: Mapping[str, int] = field(default_factory=dict)
    longest: int = 0
    env_seed: int = 7
    prompt: Prompt = "instruction"
    prompt_source: PromptSource = "task_language"
    request: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width at which the simulator renders, in pixels."""
        return self.image_size, self.image_width or self.image_size

    def __post_init__(self) -> None:
        """Refuse values that no model can mean; raises ``BadInputError`` with the field's name."""
        for name in ("replan", "image_size", "history", "action_width"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("chunk", "image_width", "settle_steps", "longest", "env_seed"):
            _require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        _require(not self.chunk or self.replan <= self.chunk, "replan", f"at most chunk = {self.chunk}", self.replan)
        _require(0 <= self.jpeg_quality <= 100, "jpeg_quality", "0 (none) to 100", self.jpeg_quality)
        _require(0 < self.crop_area <= 1, "crop_area", "above 0 and at most 1, a share of the area", self.crop_area)
        sized = len(self.input_size) == 2 and min(self.input_size) >= 1
        wanted = "[height, width] with resize, and absent without it"
        _require(sized if self.resize != "none" else not self.input_size, "input_size", wanted, list(self.input_size))
        strangers = [camera for camera in self.depth if camera not in self.cameras]
        _require(not strangers, "depth", f"of cameras of the profile ({', '.join(self.cameras)})", list(self.depth))
        # A filter for colours makes up distances between a thing's edge and what is behind it.
        whole = self.resize == "none" and self.crop_area == 1
        _require(whole or not self.depth, "depth", "empty where frames are resized or cropped", list(self.depth))
        _require(min(self.horizons.values(), default=1) >= 1, "horizons", "at least 1 step", dict(self.horizons))
        settled = not self.settle_steps or len(self.settle_action) == self.action_width
        settled = settled and all(map(math.isfinite, self.settle_action))
        _require(settled, "settle_action", f"{self.action_width} numbers (action_width)", list(self.settle_action))
        _require(math.isfinite(self.gripper_threshold), "gripper_threshold", "a number", self.gripper_threshold)


def _require(held: bool, name: str, wanted: str, got: object) -> None:
    if not held:
        raise BadInputError(f"{name} must be {wanted}, not {got!r}.")
