"""Control arms on the toy benchmark: the same tasks with a sense taken away, never mistaken for the model's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pytest_robustplus.ledger import Ledger
from pytest_robustplus.policies.ablation import GREY, NOTHING_TOLD, Ablated
from pytest_robustplus.policies.contract import Actions, Observation

SEEN = Observation(
    {"agentview": np.zeros((4, 4, 3), np.uint8)}, {"eef_pos": np.array([1.0])}, "pick up the milk", slot=3
)


class Recorder:
    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.told = ""

    def reset(self, slot: int, instruction: str) -> None:
        self.told = instruction

    def act(self, observations: Sequence[Observation]) -> Sequence[Actions]:
        self.seen += observations
        return [np.zeros((1, 2)) for _ in observations]


def test_each_ablation_takes_away_its_own_modality_and_nothing_else() -> None:
    inner = Recorder()
    for modality in ("vision", "language", "proprioception"):
        policy = Ablated(inner, modality)
        policy.reset(3, SEEN.instruction)
        later = replace(SEEN, state={"eef_pos": np.array([2.0])}, step=8)
        policy.act([SEEN])
        policy.act([later])
        told = NOTHING_TOLD if modality == "language" else SEEN.instruction
        assert inner.told == told
        last = inner.seen[-1]
        assert last.instruction == told
        assert (last.images["agentview"] == (GREY if modality == "vision" else 0)).all()
        assert last.state["eef_pos"] == (1.0 if modality == "proprioception" else 2.0)
        assert (last.step, last.slot) == (8, 3)


def test_proprioception_is_known_again_in_the_next_episode() -> None:
    inner = Recorder()
    policy = Ablated(inner, "proprioception")
    for place in (1.0, 5.0):
        policy.reset(3, "")
        policy.act([replace(SEEN, state={"eef_pos": np.array([place])})])
    assert [o.state["eef_pos"][0] for o in inner.seen] == [1.0, 5.0]


@pytest.mark.everywhere
def test_says_of_each_cell_what_it_tests(toy: pytest.Pytester) -> None:
    toy.makepyfile(reader="from toy import Reader")
    page, table = toy.path / "page.html", toy.path / "table.md"
    result = toy.runpytest(
        "--robust-model=python:reader:Reader", "--robust-ablation=vision,language", "--robust-perturbation=camera",
        "--robust-json=run.json", f"--robust-html={page}", f"--robust-markdown={table}", "--robust-ledger=l.sqlite",
    )  # fmt: skip
    assert (
        "without vision 54 of 60 against 54: passed without vision too, so this cell proves nothing about vision"
        in (" ".join(result.stdout.str().split()))
    )
    said = (
        "without language 12 of 60 against 54: 42 of the 54 successes need the instruction,"
        " the other 12 say nothing about it"
    )
    for text in (" ".join(result.stdout.str().split()), table.read_text()):
        assert said in text
    meaning = said.partition(": ")[2]
    assert f'<b>12 of 60</b><br><span class="dim">{meaning}</span>' in page.read_text()
    (cell,) = json.loads((toy.path / "run.json").read_text())["cells"]
    unheard = cell["ablations"][1]
    assert (unheard["modality"], unheard["pairs"]) == (
        "language",
        {"both": 12, "model": 42, "ablated": 0, "neither": 6},
    )
    assert (cell["successes"], cell["played"]) == (54, 60)
    with Ledger.open(toy.path / "l.sqlite") as ledger:
        keys = [audit.key for audit in ledger.audits(ledger.runs()[-1].run)]
        assert {key.model for key in keys} == {"Reader", "Reader-vision", "Reader-language"}
        assert len({key.checkpoint for key in keys}) == 3
        assert [audit.key.model for audit in ledger.history("Reader", "toy", "camera")] == ["Reader"]


@pytest.mark.own_spread
@pytest.mark.parametrize("budget", ["60", "1,camera=40"])
def test_helpers_play_ablations_too(toy: pytest.Pytester, budget: str) -> None:
    """Whoever plays the modality first waits for a second worker."""
    toy.makepyfile(
        meeting="""
        import os, time
        from pathlib import Path
        import toy

        class Reader(toy.Steady):
            def __init__(self):
                super().__init__(0.9)

            def act(self, observations):
                if not observations[0].instruction.startswith("push"):
                    Path(f"{os.getpid()}.here").touch()
                    deadline = time.monotonic() + 60
                    while len(list(Path().glob("*.here"))) < 2:
                        assert time.monotonic() < deadline, "nobody came"
                        time.sleep(0.05)
                return super().act(observations)
        """
    )
    toy.runpytest(
        "--robust-model=python:meeting:Reader", "--robust-ablation=language", "--robust-perturbation=camera",
        "--robust-json=run.json", f"--robust-budget={budget}", "-n2",
    )  # fmt: skip
    (cell,) = json.loads((toy.path / "run.json").read_text())["cells"]
    assert [control["played"] for control in cell["ablations"]] == [cell["played"]], cell["notes"]


def test_an_ablation_plays_only_what_the_verdict_rests_on(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=strong", "--robust-ablation=proprioception", "--robust-json=run.json")
    for cell in json.loads((toy.path / "run.json").read_text())["cells"]:
        assert cell["ablations"][0]["played"] == cell["played"] < cell["total"]


def test_an_accepted_run_holds_no_ablation(toy: pytest.Pytester) -> None:
    toy.makepyfile(reader="from toy import Reader")
    toy.runpytest(
        "--robust-model=python:reader:Reader", "--robust-ablation=language", "--robust-baseline=none",
        "--robust-accept=accepted.toml",
    )  # fmt: skip
    text = (toy.path / "accepted.toml").read_text()
    assert "successes = 54" in text
    assert "Reader-language" not in text


def test_an_ablation_that_fails_leaves_the_verdict(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        fragile="""
        import toy

        class Fragile(toy.Steady):
            def __init__(self):
                super().__init__(0.9)

            def act(self, observations):
                assert observations[0].instruction.startswith("push"), "unknown words"
                return super().act(observations)
        """
    )
    result = toy.runpytest(
        "--robust-model=python:fragile:Fragile", "--robust-ablation=language", "--robust-perturbation=camera"
    )
    result.stdout.fnmatch_lines(["*the ablation of language was not played:*"])
    result.assert_outcomes(skipped=1)


def test_refuses_an_unknown_arm(toy: pytest.Pytester) -> None:
    result = toy.runpytest("--robust-ablation=dumb")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "'dumb' is none of vision, language, proprioception" in " ".join(result.errlines + result.outlines)
