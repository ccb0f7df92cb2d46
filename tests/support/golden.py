"""Exchanges with upstream's own servers, byte by byte: how they are asked for and how they are played again."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from policy_servers import NamedBenchmark

from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.contract import Observation, begin
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.profiled import Profiled

FOLDER = Path(__file__).parents[1] / "policies" / "transports" / "golden"
LOOKS = 5
STEPS = 14
"""Where a look comes each step: enough for a second inference of the chunks that are remembered."""


class Golden(NamedTuple):
    """What was sent and received, in order, and what would have been executed; ``revision`` is upstream's."""

    model: str
    benchmark: str
    revision: str
    exchanges: Sequence[tuple[bytes, bytes]]
    actions: Sequence[Any]


def read(file: Path) -> Golden:
    found = json.loads(file.read_text(encoding="utf-8"))
    found["exchanges"] = [tuple(base64.b64decode(part) for part in pair) for pair in found["exchanges"]]
    return Golden(**found)


def write(golden: Golden) -> None:
    exchanges = [[base64.b64encode(part).decode() for part in pair] for pair in golden.exchanges]
    text = json.dumps({**golden._asdict(), "exchanges": exchanges}, indent=0)
    (FOLDER / f"{golden.model}-{golden.benchmark}.json").write_text(text + "\n", encoding="utf-8")


def asked(model: str, benchmark: str, spec: str) -> list[Any]:
    """Begin an episode and look a few times through a card; gives the actions to be executed after each look."""
    card = load_cards()[model]
    # Small frames: how they are scaled is tested elsewhere, and un-normalising needs a file.
    profile = replace(card.profiles[benchmark], resize="none", input_size=(), unnormalise="server")
    card = replace(card, profiles={benchmark: profile})
    policy = Profiled(specs.build(spec, specs.FACTORIES, card, cast(Benchmark, NamedBenchmark(benchmark))), profile)
    try:
        begin(policy, 0, "stack the bowls", suite="suite", task="stack_bowls_two")
        steps = STEPS if profile.replan == 1 else LOOKS * profile.replan
        return [
            np.asarray(policy.act([_look(profile, step)])[0][: profile.replan]).tolist()
            for step in range(0, steps, profile.replan)
        ]
    finally:
        policy.close()


def _look(profile: Profile, step: int) -> Observation:
    rng = np.random.default_rng(step)
    frames = {camera: rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for camera in profile.cameras}
    turned = rng.normal(size=(3, 4))
    left, right, hand = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    state = {
        "eef_pos": rng.normal(size=3), "eef_quat": hand, "gripper_qpos": np.array([0.03, -0.03]),
        "controller_pos": rng.normal(size=3), "controller_mat": np.eye(3).ravel(), "joint_pos": rng.uniform(size=14),
        "left_endpose": np.append(rng.normal(size=3), left), "right_endpose": np.append(rng.normal(size=3), right),
    }  # fmt: skip
    return Observation(frames, state, "stack the bowls", step)
