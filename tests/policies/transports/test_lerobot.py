"""lerobot checkpoints: what is refused before torch loads, and which camera feeds which input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from policy_servers import request

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.policies.transports.lerobot import LeRobot, _inputs, refuse_foreign_steps


def test_a_folder_without_a_checkpoint_and_a_missing_package_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInputError, match=r"is no lerobot checkpoint: it has no config\.json. Name the folder that"):
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


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        ({"class": "subprocess.Popen", "config": {"args": "touch gone", "shell": True}}, True),
        ({"class": "lerobot.processor.core.os.system", "config": {}}, True),
        ({"class": "lerobotx.processor.TouchStep", "config": {}}, True),
        ({"class": ["subprocess.Popen"]}, True),
        ({"registry_name": "rename_observations_processor", "config": {"rename_map": {}}}, False),
        ({"class": "lerobot.processor.rename_processor.RenameObservationsProcessorStep", "config": {}}, False),
    ],
)
def test_a_checkpoint_that_names_code_of_its_own_is_refused(tmp_path: Path, step: Any, refused: bool) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "policy_preprocessor.json").write_text(json.dumps({"name": "policy_preprocessor", "steps": [step]}))
    if refused:
        with pytest.raises(BadInputError, match="as a processing step"):
            LeRobot(request(str(tmp_path), Profile()))
    else:
        refuse_foreign_steps(tmp_path)


def test_a_checkpoint_whose_json_is_nested_too_deeply_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000)
    with pytest.raises(BadInputError, match=r"Cannot read .*config\.json"):
        refuse_foreign_steps(tmp_path)
