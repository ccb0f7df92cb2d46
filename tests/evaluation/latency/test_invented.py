"""What a policy is timed on where nothing can be played: noise in the shapes of the real thing."""

from __future__ import annotations

import numpy as np

from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.evaluation.latency.timing import _invented
from pytest_robustplus.policies.cards import load_cards
from pytest_robustplus.policies.transports.robotwin import robotwin_observation


def test_a_camera_with_depth_stands_somewhere() -> None:
    profile = load_cards()["holobrain0_qwen"].profiles["robotwin_plus"]
    seen = robotwin_observation(_invented(RoboTwinPlus({}), profile))["observation"]
    assert list(seen) == list(profile.cameras)
    for camera in seen.values():
        assert camera["rgb"].shape[:2] == camera["depth"].shape == (240, 320)
        assert 200 < camera["depth"].min() < camera["depth"].max() < 2000
        assert np.linalg.det(camera["extrinsic_cv"][:, :3]) == np.linalg.det(camera["intrinsic_cv"]) == 1
