"""How one model sees and acts: data, never code, so that a card can be reviewed and checked before episode 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_robustplus.errors import BadInputError

PromptSource = Literal["task_language", "bddl"]
Flip = Literal["none", "vertical", "rotate180"]
Resize = Literal["none", "bilinear", "pad", "lanczos3", "area"]
Gripper = Literal["identity", "sign", "threshold"]
Control = Literal["delta", "absolute"]
StateSource = Literal["sensors", "last_action"]
Unnormalise = Literal["server", "quantiles", "min_max"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a model expects of one benchmark, applied around whatever transport serves it.

    A profile says what is done on this side of the transport: what the model's own server does (a crop, an
    un-normalisation) is left to the server and named in ``notes``, or it would be done twice.

    Acting. ``replan`` is how many actions are executed before the policy looks again; a model that wants frames in
    between looks more often than it infers, so ``replan`` may be a fraction of ``chunk``, the actions of one inference
    (0: not known, so not checked). ``control`` is the convention of the actions that reach the simulator.

    Seeing. ``image_size`` is the height in pixels at which the simulator renders and ``image_width`` its width (0:
    square). ``flip`` turns the raw frames into what the model was trained on, per camera. Then, in this order:
    a JPEG round trip of ``jpeg_quality`` (0: none), ``resize`` to ``input_size`` (height, width), and a centre crop of
    ``crop_area`` (share of the area, 1.0: none) resized back. ``history`` is how many frames the model remembers.

    State. ``state`` lists the parts of the vector that the model reads: names of the benchmark's proprioception, turned
    ones (``eef_axis_angle``, ``eef_rot6d``, …) and ``zeros:N``; empty means none. ``state_source`` is ``last_action``
    for a model that reads its own last prediction in place of the sensors.

    Actions. ``unnormalise`` says who maps the network's output to physical units, and by which bounds of the file
    ``statistics`` (under ``statistics_key``). ``action`` lists the parts of the model's action vector, rotations in the
    model's representation and ``skip:N``; empty means that it is the environment's own. ``action_order`` then picks
    columns. ``gripper`` turns the columns ``gripper_columns`` into the environment's convention: ``sign`` is the sign
    of the distance to ``gripper_threshold``, ``threshold`` is +1 above it and -1 otherwise; ``gripper_invert`` negates.

    Protocol. ``horizons`` are control steps per suite, ``settle_steps`` those before step 0.
    """

    replan: int = 8
    chunk: int = 0
    control: Control = "delta"
    cameras: tuple[str, ...] = ("agentview", "wrist")
    image_size: int = 256
    image_width: int = 0
    flip: Mapping[str, Flip] = field(default_factory=dict)
    jpeg_quality: int = 0
    resize: Resize = "none"
    input_size: tuple[int, ...] = ()
    crop_area: float = 1.0
    history: int = 1
    state: tuple[str, ...] = ()
    state_source: StateSource = "sensors"
    unnormalise: Unnormalise = "server"
    statistics: str = ""
    statistics_key: str = ""
    action: tuple[str, ...] = ()
    action_order: tuple[int, ...] = ()
    action_width: int = 7
    gripper: Gripper = "identity"
    gripper_threshold: float = 0.5
    gripper_invert: bool = False
    gripper_columns: tuple[int, ...] = (-1,)
    settle_steps: int = 10
    settle_action: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    horizons: Mapping[str, int] = field(default_factory=dict)
    env_seed: int = 7
    prompt_source: PromptSource = "task_language"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no model can mean; raises ``BadInputError`` with the field's name."""
        for name in ("replan", "image_size", "history", "action_width"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        for name in ("chunk", "image_width", "settle_steps", "env_seed"):
            _require(getattr(self, name) >= 0, name, "at least 0", getattr(self, name))
        _require(not self.chunk or self.replan <= self.chunk, "replan", f"at most chunk = {self.chunk}", self.replan)
        _require(0 <= self.jpeg_quality <= 100, "jpeg_quality", "0 (none) to 100", self.jpeg_quality)
        _require(0 < self.crop_area <= 1, "crop_area", "above 0 and at most 1 (a share of the area)", self.crop_area)
        sized = len(self.input_size) == 2 and min(self.input_size) >= 1
        _require(
            sized if self.resize != "none" else not self.input_size,
            "input_size",
            "[height, width] with resize, and absent without it",
            list(self.input_size),
        )
        _require(min(self.horizons.values(), default=1) >= 1, "horizons", "at least 1 step", dict(self.horizons))
        unseen = sorted(set(self.flip) - set(self.cameras))
        _require(not unseen, "flip", f"only the cameras {', '.join(self.cameras)}", unseen)


def _require(held: bool, name: str, wanted: str, got: object) -> None:
    if not held:
        raise BadInputError(f"{name} must be {wanted}, not {got!r}.")
