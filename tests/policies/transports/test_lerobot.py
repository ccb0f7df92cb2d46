"""lerobot checkpoints: what is refused before torch loads, and which camera feeds which input."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from policy_servers import request

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.models.profile import Profile
from pytest_robustplus.policies.transports.lerobot import LeRobot, _inputs


def test_a_folder_without_a_checkpoint_and_a_missing_package_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInputError, match=r"is no lerobot checkpoint: it has no config\.json"):
        LeRobot(request(str(tmp_path), Profile()))
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "lerobot.policies.factory", None)
    with pytest.raises(BadInputError, match=r"needs lerobot.*pip install 'lerobot'"):
        LeRobot(request(str(tmp_path), Profile()))


def config(*names: str) -> Any:
    return SimpleNamespace(image_features=dict.fromkeys(f"observation.images.{name}" for name in names))


def test_cameras_feed_visual_inputs_in_order() -> None:
    found = _inputs(config("image", "image2", "empty_camera_0"), ["agentview", "wrist"], "here")
    assert found == {"agentview": "observation.images.image", "wrist": "observation.images.image2"}
    with pytest.raises(BadInputError, match="here has 1 visual inputs"):
        _inputs(config("image"), ["agentview", "wrist"], "here")
    with pytest.raises(BadInputError, match=r"here reads observation\.images\.front beside"):
        _inputs(config("image", "front"), ["agentview"], "here")
