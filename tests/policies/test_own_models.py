"""A user's own model in pyproject: like a published one but for what it changes, or like none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.policies.cards import Card, card_from_mapping, default_profile, load_cards

CARDS = load_cards()
# Editions of LIBERO-Plus that are played by its profile.
ALIKE = {"libero", "libero_plus_generated", "libero_pro"}
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")


def libero(**changes: Any) -> dict[str, Any]:
    """A mapping that changes LIBERO-Plus' profile only."""
    return {"profile": {"libero_plus": changes}}


def own(mapping: Mapping[str, Any]) -> Card:
    return card_from_mapping("mine", mapping, CARDS)


def test_a_users_model_like_a_published_one() -> None:
    card = own({"like": "x_vla", "policy": "act:http://gpu:8000", "profile": {"libero_plus": {"replan": 15}}})
    theirs = CARDS["x_vla"]
    profile = card.profiles["libero_plus"]
    assert profile.replan == 15
    assert profile.state == theirs.profiles["libero_plus"].state
    assert (card.policy, card.baseline, card.family) == ("act:http://gpu:8000", "x_vla", "vla")
    assert card.title == "mine (like X-VLA)"
    assert card.profiles["robotwin_plus"] == theirs.profiles["robotwin_plus"]


@pytest.mark.parametrize("name", ["motus", "holobrain0_qwen", "pi05"])
def test_a_table_of_a_models_own_name_says_how_to_reach_that_model(name: str) -> None:
    """What the cards' serve lines tell users to write: nothing but where the checkpoint is may change."""
    table = {"policy": "python:deploy_policy", "profile": {"robotwin_plus": {"request": {"model_dir": "weights"}}}}
    card, theirs = card_from_mapping(name, table, CARDS), CARDS[name]
    assert (card.title, card.family, card.baseline) == (theirs.title, theirs.family, theirs.baseline)
    assert card.checkpoints == theirs.checkpoints
    for transport in ("", "python"):
        mine, published = (one.over(transport).profiles["robotwin_plus"] for one in (card, theirs))
        assert mine == replace(published, request={**published.request, "model_dir": "weights"})


def test_a_benchmark_that_the_published_one_lacks_can_be_added() -> None:
    card = own({"like": "pi0", "profile": {"robotwin_plus": {"replan": 50}}})
    assert set(card.profiles) == {"libero_plus", "robotwin_plus", *ALIKE}
    assert card.profiles["robotwin_plus"].replan == 50


def test_tables_merge_key_by_key() -> None:
    changes = {"flip": {"wrist": "rotate180"}, "horizons": {"libero_10": 600}}
    profile = own({"like": "x_vla", "profile": {"libero_plus": changes}}).profiles["libero_plus"]
    assert profile.flip == {"agentview": "rotate180", "wrist": "rotate180"}
    assert [profile.horizons[suite] for suite in SUITES] == [800, 800, 800, 600]


def test_a_users_change_wins_over_what_a_transport_is_known_to_do() -> None:
    changed = own({"like": "openvla_oft", "profile": {"libero_plus": {"gripper": "sign"}}})
    profile = changed.over("vla-eval").profiles["libero_plus"]
    assert profile.gripper == "sign"
    assert not profile.gripper_invert


def test_a_policy_of_ones_own_makes_an_unavailable_model_available() -> None:
    assert own({"like": "holobrain0_gd"}).unavailable
    assert not own({"like": "holobrain0_gd", "policy": "python:brain:Policy"}).unavailable


def test_a_policy_of_ones_own_is_no_checkpoint_of_the_published_one() -> None:
    assert own({"like": "x_vla"}).checkpoints
    assert not own({"like": "x_vla", "policy": "python:mine:Policy"}).checkpoints
    mine = {"libero_plus": ["me/mine"]}
    assert own({"like": "x_vla", "policy": "act:http://g:1", "checkpoints": mine}).checkpoints == {
        "libero_plus": ("me/mine",)
    }


def test_a_users_model_like_no_other_plays_everywhere_by_default() -> None:
    card = own({"policy": "python:brain:Policy"})
    named = {"libero_plus", "robotwin_plus", "bimanual", "maniskill", "maniskill_two_arms"}
    assert set(card.profiles) == named | ALIKE
    assert card.profiles["libero_plus"] == default_profile("libero_plus")
    assert (card.family, card.title, card.baseline) == ("own", "mine", "mine")
    # What its far end does, only the user knows.
    assert card.over("vla-eval") is card


def test_a_users_model_plays_only_where_it_says_so() -> None:
    card = own({"profile": {"libero_plus": {"replan": 5}}})
    assert set(card.profiles) == {"libero_plus"} | ALIKE
    assert card.profiles["libero_plus"].replan == 5
    assert card.profiles["libero_plus"].horizons == default_profile("libero_plus").horizons


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        pytest.param({"like": "pi5"}, r"'pi5' \(from \[tool\.robustplus\.model\.mine\] like\).*mean 'pi05'", id="like"),
        pytest.param({"like": 3}, "like must be the name of a card, not 3", id="like type"),
        pytest.param({"polcy": "x"}, r"\[tool\.robustplus\.model\.mine\].*mean 'policy'", id="key"),
        pytest.param({"lke": "pi05"}, r"'lke' \(from \[tool\.robustplus\.model\.mine\]\).*mean 'like'", id="lke"),
        pytest.param({"profile": {"libero_plus": 5}}, r"profile\.libero_plus must be a table, not 5", id="profile"),
        pytest.param(libero(replan=True), "replan must be a whole number, not True", id="bool"),
        pytest.param(libero(request={"x": [1]}), r"request\.x must be a string or", id="request"),
    ],
)
def test_a_mistake_in_a_users_model_names_table_and_key(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        own(mapping)


def test_an_option_of_a_cards_choices_can_be_chosen() -> None:
    horizons = own({"like": "vla_jepa", "choose": {"horizons": "libero"}}).profiles["libero_plus"].horizons
    assert [horizons[suite] for suite in SUITES] == [250, 280, 300, 520]
    card = own({"like": "x_vla", "choose": {"quaternions": "wxyz", "prompt": "instruction"}})
    profile = card.profiles["robotwin_plus"]
    assert profile.action[1] == "rot6d_interleaved->quat_wxyz"
    assert (profile.prompt, profile.longest) == ("instruction", 300)
    # One's own changes come last, and what is published is the card as it is.
    mine = {"like": "x_vla", "choose": {"prompt": "instruction"}, "profile": {"robotwin_plus": {"prompt": "task_name"}}}
    assert own(mine).profiles == own({"like": "x_vla", "choose": {"prompt": "published"}}).profiles


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"like": "x_vla", "choose": {"quaternion": "wxyz"}}, "choice 'quaternion'.*mean 'quaternions'"),
        ({"like": "x_vla", "choose": {"quaternions": "wxzy"}}, "option 'wxzy'.*mean 'wxyz'"),
        ({"like": "pi05", "choose": {"prompt": "bddl"}}, "choice 'prompt'"),
        ({"like": "x_vla", "choose": 3}, "choose must be a table"),
        ({"choices": {"a": {"b": {"libero_plus": {"replann": 3}}}}}, "choices.a.b.*mean 'replan'"),
    ],
)
def test_a_choice_that_there_is_not_is_named(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        own(mapping)
