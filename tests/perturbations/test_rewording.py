"""Instructions reworded: the same for a seed, fewer changes the first of more, their meaning kept."""

from __future__ import annotations

import pytest

from pytest_robustplus.perturbations import Language
from pytest_robustplus.perturbations.language import REWRITES, Rewrite
from pytest_robustplus.perturbations.rewording import SYNONYMS, reword

INSTRUCTIONS = (
    "pick up the milk and place it in the basket",
    "pick up the black bowl between the plate and the ramekin and place it on the plate",
    "put both the cream cheese box and the butter in the basket",
    "open the top drawer and put the bowl inside",
    "turn on the stove",
    "put the wine bottle on the rack",
    "move the red block to the centre and stack the green block on it",
)


@pytest.mark.parametrize("kind", REWRITES)
@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_a_seed_and_an_amount_decide(kind: Rewrite, instruction: str) -> None:
    for seed in range(20):
        worded = [reword(instruction, Language(kind, amount, seed)) for amount in range(6)]
        assert worded == [reword(instruction, Language(kind, amount, seed)) for amount in range(6)]
        assert worded[0] == instruction
        assert worded[1] != instruction


def test_what_each_kind_does() -> None:
    milk = INSTRUCTIONS[0]
    assert reword(milk, Language("politeness", 1)).removeprefix("please ").removeprefix("kindly ") == milk
    assert milk in reword(milk, Language("distractor clause", 3, 5))
    assert {reword(milk, Language("reorder", 1, seed)) for seed in range(20)} == {
        "pick the milk up and place it in the basket",
        "before you place it in the basket, pick up the milk",
    }
    assert (
        reword(INSTRUCTIONS[2], Language("reorder", 5)) == "put both the butter and the cream cheese box in the basket"
    )
    assert reword(INSTRUCTIONS[5], Language("reorder", 1)) == "on the rack, put the wine bottle"
    assert reword(INSTRUCTIONS[4], Language("reorder", 5)) == "turn the stove on"


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_typos_keep_words_recognisable(instruction: str) -> None:
    for seed in range(50):
        mistyped = reword(instruction, Language("typo", 3, seed)).split(" ")
        pairs = list(zip(mistyped, instruction.split(" "), strict=True))
        assert sum(first != second for first, second in pairs) == min(3, sum(len(second) >= 4 for _, second in pairs))
        assert all(first[0] == second[0] and first[-1] == second[-1] for first, second in pairs)
        assert all(abs(len(first) - len(second)) <= 1 for first, second in pairs)


def test_no_synonym_is_the_word_of_another_thing() -> None:
    """An exchanged word must not name another object or place of the scenes."""
    actions = {"place", "put"}
    for word, others in SYNONYMS.items():
        for other in others:
            assert other != word
            assert other not in SYNONYMS or {word, other} <= actions
