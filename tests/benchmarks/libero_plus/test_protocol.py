"""Protocols are read from options and ledgers, and told apart by their digest."""

from __future__ import annotations

import pytest

from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.errors import BadInputError

TRUTHFUL = {
    "prompt_source": "bddl",
    "robot_start": "joints",
    "image_timing": "end",
    "noise": "packaged",
    "env_seed": "0",
}


def test_defaults_are_what_published_scores_measured() -> None:
    assert LiberoProtocol.parse({}) == LiberoProtocol("task_language", "controller", "clock", "upstream", 7)


def test_choices_are_read_back() -> None:
    protocol = LiberoProtocol.parse(TRUTHFUL)
    assert protocol.choices() == TRUTHFUL
    assert LiberoProtocol.parse(protocol.choices()) == protocol


@pytest.mark.parametrize("key", TRUTHFUL)
def test_every_choice_changes_the_digest(key: str) -> None:
    assert LiberoProtocol.parse({key: TRUTHFUL[key]}).digest() != LiberoProtocol().digest()


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(BadInputError, match=r"'robot_strat' \(from the command line\).*Did you mean 'robot_start'"):
        LiberoProtocol.parse({"robot_strat": "joints"}, where="the command line")


def test_an_unknown_value_names_the_nearest() -> None:
    with pytest.raises(BadInputError, match=r"image_timing.*'clok'.*Did you mean 'clock'"):
        LiberoProtocol.parse({"image_timing": "clok"})


@pytest.mark.parametrize("seed", ["-1", "seven", "4294967296", ""])
def test_a_seed_that_numpy_refuses_is_refused_here(seed: str) -> None:
    with pytest.raises(BadInputError, match="env_seed"):
        LiberoProtocol.parse({"env_seed": seed})
