"""A whole episode of a real LIBERO task over every dialect: a recorded one, sent through it, must solve the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import libero_tapes
import numpy as np
import pytest
from libero_tapes import Tape
from policy_servers import NamedBenchmark

from pytest_robustplus.benchmarks import demo_replay, libero_plus
from pytest_robustplus.benchmarks.contract import Benchmark
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import find_task
from pytest_robustplus.policies import specs
from pytest_robustplus.policies.cards import Card, card_from_mapping, load_cards
from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.policies.profiled import Profiled
from pytest_robustplus.rollout.episode import play

TASK = find_task("libero_spatial/pick_up_the_black_bowl_on_the_ramekin_and_place_it_on_the_plate#0")


class Unlit(LiberoSimulator):
    """The real physics with black frames: software rendering takes 0.2 s a look, and a tape needs no pictures."""

    def observe(self) -> Observation:
        return replace(super().observe(), images=dict.fromkeys(("agentview", "wrist"), np.zeros((32, 32, 3), np.uint8)))


@pytest.fixture(scope="module")
def simulator() -> Iterator[LiberoSimulator]:
    built = Unlit(LiberoProtocol(), render=False)
    yield built
    built.close()


@pytest.fixture(scope="module")
def recorded(simulator: LiberoSimulator) -> Tape:
    bank = demo_replay.load(Path(libero_plus.__file__).with_name("demonstrations.npz"))
    return libero_tapes.recorded(simulator, TASK, bank[demo_replay.key(TASK)])


def card(name: str, folder: Path, scheme: str) -> Card:
    made = card_from_mapping(name, libero_tapes.models(folder)[name], load_cards())
    return made.over(scheme)


@pytest.mark.parametrize("name", libero_tapes.SERVERS)
def test_over(
    name: str, simulator: LiberoSimulator, recorded: Tape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    with libero_tapes.served(name, recorded.rewound(), tmp_path) as spec:
        model = card(name, tmp_path, spec.partition(":")[0])
        profile = model.profiles["libero_plus"]
        benchmark = cast(Benchmark, NamedBenchmark("libero_plus"))
        policy = Profiled(specs.build(spec, specs.FACTORIES, model, benchmark), profile)
        poses_from = profile.settle_steps if profile.control == "absolute" else None
        # One simulator for all: its compiled scene is what takes the time.
        monkeypatch.setattr(simulator, "_poses_from", poses_from)
        episode = play(simulator, policy, TASK, profile)
        policy.close()
    assert episode.success
    assert episode.steps == recorded.steps
    if profile.control == "delta":
        np.testing.assert_allclose(episode.actions, recorded.actions[: episode.steps], atol=1e-6)
