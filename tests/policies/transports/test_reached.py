"""A cell's profile is the one that holds over the transport by which its model is reached."""

from __future__ import annotations

import pytest

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.evaluation.resources import resources_of
from pytest_robustplus.policies.specs import FACTORIES
from pytest_robustplus.session.session import session_of

MODEL = "--robust-model=x_vla"


def seen(pytester: pytest.Pytester, *arguments: str) -> dict[str, object]:
    config = pytester.parseconfigure(MODEL, *arguments)
    cell = session_of(config).registry.cells("libero-plus")[0]
    return {"action": cell.profile.action, "gripper": cell.profile.gripper, "state": cell.profile.state}


def test_a_transport_that_does_part_of_the_work_changes_the_cells_profile(pytester: pytest.Pytester) -> None:
    own = seen(pytester, "--robust-policy=act:http://gpu1:8000")
    assert own["gripper"] == "threshold"
    assert own["action"]
    bridged = seen(pytester, "--robust-policy=vla-eval:ws://gpu1:8000")
    assert bridged == {"action": (), "gripper": "identity", "state": ("eef_pos", "eef_axis_angle", "gripper_qpos")}


def test_every_scheme_that_a_card_names_has_a_factory() -> None:
    from pytest_robustplus.policies.cards import load_cards
    from pytest_robustplus.policies.transports.act import DIALECTS as ACT
    from pytest_robustplus.policies.transports.dialects import DIALECTS as OPENPI

    cards = load_cards().values()
    assert {scheme for card in cards for scheme in card.transports} <= FACTORIES.keys()
    assert {card.dialect for card in cards if card.dialect} <= ACT.keys() | OPENPI.keys()


def test_a_script_does_not_play_a_model_of_another_control(pytester: pytest.Pytester) -> None:
    resources = resources_of(pytester.parseconfigure(MODEL, "--robust-policy=expert"))
    with pytest.raises(BadInputError, match=r"'expert' acts by delta control.* of X-VLA.*absolute"):
        resources.checkpoints.of(resources.session.registry.cells("libero-plus")[0])


def test_a_library_that_is_missing_is_told_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from policy_servers import request

    from pytest_robustplus.policies.profile import Profile

    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(BadInputError, match=r"needs msgpack.*pip install 'pytest-robustplus\[remote\]'"):
        FACTORIES["openpi"](request("ws://127.0.0.1:1", Profile(), "openpi"))
