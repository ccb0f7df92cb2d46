"""A whole episode of a real LIBERO task over the wire: a demonstration, sent action by action, must solve it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import json_numpy
import numpy as np
import pytest
from policy_servers import act, openpi, request, websocket

from pytest_robustplus.benchmarks import libero_plus
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.models.cards import load_cards
from pytest_robustplus.models.profile import Profile
from pytest_robustplus.policies import replay
from pytest_robustplus.policies.contract import Policy
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.policies.transports.act import Act
from pytest_robustplus.policies.transports.openpi import OpenPi
from pytest_robustplus.rollout.episode import Episode, play

TASK = find_task("libero_spatial/pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate#0")
CARDS = load_cards()


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = LiberoSimulator(LiberoProtocol(), image_size=256)
    yield built
    built.close()


@pytest.fixture(scope="module")
def demonstration() -> np.ndarray:
    bank = replay.load(Path(libero_plus.__file__).with_name("demonstrations.npz"))
    return bank[replay.key(TASK)]


class Tape:
    """A server's policy that plays a demonstration in chunks, ``replan`` further at each request."""

    def __init__(self, demonstration: np.ndarray, profile: Profile) -> None:
        self.seen: list[dict[str, Any]] = []
        hold = np.repeat(demonstration[-1:] * ([0] * 6 + [1]), 300, 0)
        self._actions = np.concatenate([demonstration, hold]).astype(np.float64)
        self._chunk, self._replan = profile.chunk, profile.replan

    def __call__(self, message: dict[str, Any]) -> np.ndarray:
        start = len(self.seen) * self._replan
        self.seen.append(message)
        return self._actions[start : start + self._chunk]


def played(simulator: LiberoSimulator, policy: Policy, profile: Profile) -> Episode:
    return play(simulator, Profiled(policy, profile), TASK, profile)


def test_over_openpi(simulator: LiberoSimulator, demonstration: np.ndarray) -> None:
    profile = CARDS["pi05"].profiles["libero_plus"]
    tape = Tape(demonstration, profile)
    with websocket(openpi(lambda message: {"actions": tape(message)})) as url:
        policy = OpenPi(request(url, profile, "openpi"))
        episode = played(simulator, policy, profile)
        policy.close()
    assert episode.success
    np.testing.assert_array_equal(episode.actions, tape._actions[: episode.steps])
    assert episode.inferences == len(tape.seen) == len(policy.timings) == -(-episode.steps // 5)
    first = tape.seen[0]
    assert first["observation/image"].shape == first["observation/wrist_image"].shape == (224, 224, 3)
    assert first["observation/state"].shape == (8,)
    assert first["prompt"] == episode.instruction


def test_over_act(simulator: LiberoSimulator, demonstration: np.ndarray) -> None:
    # OpenVLA-OFT answers 0 for a closed gripper and 1 for an open one; the profile turns it into LIBERO's convention.
    profile = replace(CARDS["openvla_oft"].profiles["libero_plus"], env_seed=LiberoProtocol().env_seed)
    tape = Tape(demonstration, profile)

    def infer(message: dict[str, Any]) -> tuple[int, str]:
        chunk = tape(message).copy()
        chunk[:, -1] = (1 - chunk[:, -1]) / 2
        return 200, json_numpy.dumps(list(chunk))

    with act(infer) as url:
        policy = Act(request(url, profile, "oft"))
        episode = played(simulator, policy, profile)
        policy.close()
    assert episode.success
    np.testing.assert_allclose(episode.actions, tape._actions[: episode.steps])
    assert episode.inferences == len(tape.seen)
