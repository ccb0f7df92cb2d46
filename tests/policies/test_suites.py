"""A policy per suite: each episode goes to that of its suite, and one server for all is refused before any plays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_robustplus.errors import BadInputError, PolicyError
from pytest_robustplus.policies import places, specs
from pytest_robustplus.policies.cards import card_from_mapping, load_cards
from pytest_robustplus.policies.contract import Observation, begin
from pytest_robustplus.policies.suites import BySuite

CARDS = load_cards()
SUITES = ("libero_spatial", "libero_object", "libero_goal", "libero_10")
KNOWN = (*SUITES, "libero_plus", "robotwin_plus", "lift_pot")


class Named:
    def __init__(self, spec: str) -> None:
        self.checkpoint, self.calls = spec, [spec]
        self.remembers_one = spec.endswith("b")

    def reset(self, slot: int, instruction: str) -> None:
        self.calls.append(f"{slot} {instruction}")

    def act(self, observations: Any) -> Any:
        return [np.full((1, 1), float(ord(self.checkpoint[-1]))) for _ in observations]


def test_each_episode_goes_to_the_policy_of_its_suite() -> None:
    policy = BySuite(Named, {"libero_spatial": "act:a", "libero_10": "act:b", "libero_goal": "act:a"})
    assert policy.remembers_one
    assert policy.checkpoint == "act:a+act:b"
    for slot, suite in enumerate(("libero_spatial", "libero_10", "libero_goal")):
        begin(policy, slot, f"task {slot}", suite=suite, task="t")
    seen = [Observation({}, {}, "", slot=slot) for slot in (1, 0, 2, 1)]
    assert [chunk[0, 0] for chunk in policy.act(seen)] == [ord("b"), ord("a"), ord("a"), ord("b")]
    first, second = policy.all
    assert isinstance(first, Named)
    assert isinstance(second, Named)
    assert first.calls == ["act:a", "0 task 0", "2 task 2"]
    assert second.calls == ["act:b", "1 task 1"]
    with pytest.raises(PolicyError, match="No policy is given for suite 'libero_object'"):
        begin(policy, 0, "", suite="libero_object", task="t")


def test_a_table_of_policies_in_a_card() -> None:
    table = {"libero_spatial": "act:http://a:8777", "libero_10": "act:http://b:8777?dialect=oft"}
    card = card_from_mapping("mine", {"like": "openvla_oft", "policy": table}, CARDS)
    assert dict(places.places(card.policy)) == table
    assert places.scheme(card.policy) == "act"
    assert places.on("suites:libero_plus=act:http://a robotwin_plus=python:m", "robotwin_plus") == "python:m"
    with pytest.raises(BadInputError, match=r"model\.mine\]: policy\.libero_10 must be a policy spec"):
        card_from_mapping("mine", {"policy": {"libero_10": 3}}, CARDS)


@pytest.mark.parametrize("name", ["openvla_oft", "ript_vla", "univla", "ge_act"])
def test_one_server_for_four_suites_is_refused(name: str) -> None:
    card = CARDS[name]
    with pytest.raises(BadInputError, match=r"has one (unnorm_key|adaptor|checkpoint) per suite.*libero_object"):
        specs.check("act:http://a:8777", card, "libero_plus", SUITES, KNOWN)
    # One suite is one server's; a policy in the process is told which suite begins; a plain model has one server.
    specs.check("act:http://a:8777", card, "libero_plus", SUITES[:1], KNOWN)
    specs.check("python:mine:Policy", card, "libero_plus", SUITES, KNOWN)
    specs.check("act:http://a:8777", CARDS["x_vla"], "libero_plus", SUITES, KNOWN)
    whole = "suites:" + " ".join(f"{suite}=act:http://a:8777" for suite in SUITES)
    specs.check(whole, card, "libero_plus", SUITES, KNOWN)
    specs.check("suites:libero_plus=python:m lift_pot=act:http://a", card, "libero_plus", SUITES, KNOWN)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("suites:libero_spatial=act:http://a", "not for libero_object, libero_goal, libero_10"),
        ("suites:libero_spatal=act:http://a", "suite or benchmark 'libero_spatal'.*mean 'libero_spatial'"),
        ("suites:libero_plus=act:http://a", "one unnorm_key per suite"),
        ("suites:act:http://a", "not of the form suites:SUITE=SPEC"),
    ],
)
def test_a_place_that_cannot_be(spec: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        specs.check(spec, CARDS["openvla_oft"], "libero_plus", SUITES, KNOWN)


@pytest.mark.parametrize("spec", ["act:http://a", "openpi:ws://a", "suites:lift_pot=vla-eval:ws://a", "lerobot:a"])
def test_depth_is_refused_where_none_can_be_sent(spec: str) -> None:
    table = {"profile": {"robotwin_plus": {"depth": ["head_camera"]}}}
    card = card_from_mapping("ranging", table, CARDS)
    with pytest.raises(BadInputError, match=r"depth of head_camera, and policies behind \S+ are sent none"):
        specs.check(spec, card, "robotwin_plus", ["lift_pot"], KNOWN)
    for carrying in ("python:mine:Policy", "onnx:a.onnx"):
        specs.check(carrying, card, "robotwin_plus", ["lift_pot"], KNOWN)
