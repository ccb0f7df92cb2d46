"""Instructions reworded by rules, the same for a seed always and everywhere, their meaning kept.

Changes are drawn in an order that depends on the seed alone and made one by one, so that fewer changes are the first of
more: taking changes away never brings others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from pytest_robustplus.perturbations.language import Language, Rewrite

# Longest first where one begins like another. A word is left out when its likely synonym names another thing of the
# benchmarks' scenes (a plate is no dish beside a ramekin) or another action.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "pick up": ("grab", "take", "lift", "grasp"),
    "turn on": ("switch on", "power on"),
    "turn off": ("switch off", "power off"),
    "on top of": ("atop",),
    "next to": ("beside", "right by"),
    "to the left of": ("on the left side of",),
    "to the right of": ("on the right side of",),
    "place": ("put", "set", "lay"),
    "put": ("place", "set", "lay"),
    "open": ("pull open",),
    "close": ("shut",),
    "push": ("shove",),
    "between": ("in between",),
    "inside": ("within",),
    "middle": ("center", "central"),
    "top": ("upper", "uppermost"),
    "bottom": ("lowest", "lowermost"),
    "back": ("rear",),
    "left plate": ("left-hand plate",),
    "right plate": ("right-hand plate",),
    "cabinet": ("cupboard",),
    "stove": ("cooker", "hob"),
    "basket": ("hamper",),
    "frying pan": ("skillet", "frypan"),
    "moka pot": ("stovetop espresso maker",),
    "moka pots": ("stovetop espresso makers",),
    "mug": ("cup",),
    "microwave": ("microwave oven",),
    "wine bottle": ("bottle of wine",),
    "cream cheese box": ("box of cream cheese",),
    "cookie box": ("box of cookies",),
    "bbq sauce": ("barbecue sauce",),
    "orange juice": ("carton of orange juice",),
    "milk": ("carton of milk",),
    "butter": ("pack of butter",),
    "ketchup": ("bottle of ketchup",),
    "salad dressing": ("bottle of salad dressing",),
    "alphabet soup": ("can of alphabet soup",),
    "tomato sauce": ("can of tomato sauce",),
    "ramekin": ("small baking dish",),
    "plate": ("dinner plate",),
    "caddy": ("organizer",),
    "compartment": ("section",),
    "rack": ("holder",),
    "stack": ("pile",),
    "block": ("cube",),
    "blocks": ("cubes",),
    "bar": ("rod",),
    "pad": ("mat",),
    "bin": ("container",),
}
_VERBS = (
    *("pick up", "place", "put", "open", "close", "push", "pull", "turn on", "turn off", "take", "set", "move"),
    *("stack", "grab", "raise", "lift", "hand"),
)
# What may be said politely, in the order in which it is said; the instruction stands before the last.
_POLITE = (
    ("hello,", "excuse me,", "hi there,"),
    ("if you don't mind,", "when you have a moment,", "whenever you are ready,"),
    ("could you", "would you", "can you"),
    ("please", "kindly"),
    ("thank you", "thanks a lot", "many thanks"),
)
_ASIDES = (
    "it is a quiet morning",
    "the room was cleaned yesterday",
    "somebody is on the phone next door",
    "there is no hurry",
    "the weather is lovely today",
    "we had visitors this week",
    "the radio plays an old song",
    "lunch will be late today",
)
_LETTERS = 4  # of the shortest word that is mistyped
_NEIGHBOURS = {
    row[place]: row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for place in range(len(row))
}


def reword(instruction: str, language: Language) -> str:
    """Return the instruction with up to ``language.amount`` changes of its kind; as it is when none fits."""
    if not language.amount:
        return instruction
    random = np.random.default_rng([_ORDER.index(language.kind), language.seed])
    return _KINDS[language.kind](instruction, int(language.amount), random)


def _synonym(text: str, amount: int, random: np.random.Generator) -> str:
    known = "|".join(sorted(map(re.escape, SYNONYMS), key=len, reverse=True))
    found = list(re.finditer(rf"\b(?:{known})\b", text))
    choices = [str(random.choice(SYNONYMS[match[0]])) for match in found]
    chosen = sorted(random.permutation(len(found))[:amount], reverse=True)
    for place in chosen:
        text = text[: found[place].start()] + choices[place] + text[found[place].end() :]
    return text


def _reorder(text: str, amount: int, random: np.random.Generator) -> str:
    changes: tuple[Callable[[str], str], ...] = (_particle_last, _second_first, _others_first, _place_first)
    left = amount
    for place in random.permutation(len(changes)):
        changed = changes[place](text)
        if left and changed != text:
            text, left = changed, left - 1
    return text


def _particle_last(text: str) -> str:
    """Pick up the milk: pick the milk up."""
    return re.sub(
        r"\b(pick|turn) (up|on|off) (?!it\b)((?:(?!\b(?:and|next|between|on|in|inside)\b)[^,])+?)"
        r"(?= and\b| from\b|,|$)",
        r"\1 \3 \2",
        text,
        count=1,
    )


def _second_first(text: str) -> str:
    """Open the drawer and put the bowl inside: put the bowl inside after you open the drawer."""
    verbs = "|".join(_VERBS)
    split = re.fullmatch(rf"(?P<first>(?:{verbs}|pick)\b.+?) and (?P<second>(?:{verbs}|pick|turn)\b.+)", text)
    return f"before you {split['second']}, {split['first']}" if split else text


def _others_first(text: str) -> str:
    """Both the soup and the sauce: both the sauce and the soup."""
    return re.sub(r"\bboth (the .+?) and (the .+?)(?= in\b| on\b| inside\b|,|$)", r"both \2 and \1", text, count=1)


def _place_first(text: str) -> str:
    """Put the bowl on the plate: on the plate, put the bowl."""
    plain = re.fullmatch(
        r"(?P<what>(?:put|place|set|push) (?:(?!\b(?:and|it|on|in|to|next|between|from)\b)[^,])+?)"
        r" (?P<where>(?:on|in|to|inside|onto) (?:(?!\band\b)[^,])+)",
        text,
    )
    return f"{plain['where']}, {plain['what']}" if plain else text


def _politeness(text: str, amount: int, random: np.random.Generator) -> str:
    phrases = [str(random.choice(choices)) for choices in _POLITE]
    # Asking for it politely comes first: a greeting alone is no politeness.
    order = [3, *(place for place in random.permutation(len(_POLITE)) if place != 3)]
    said = sorted(order[:amount])
    before = [phrases[place] for place in said if place != len(_POLITE) - 1]
    after = f", {phrases[-1]}" if len(_POLITE) - 1 in said else ""
    return " ".join([*before, text]) + after


def _distractor_clause(text: str, amount: int, random: np.random.Generator) -> str:
    asides = [_ASIDES[place] for place in random.permutation(len(_ASIDES))]
    before = random.random(len(_ASIDES)) < 0.5
    for aside, first in zip(asides[:amount], before, strict=False):
        text = f"{aside}, {text}" if first else f"{text}, {aside}"
    return text


def _typo(text: str, amount: int, random: np.random.Generator) -> str:
    words = text.split(" ")
    for place in random.permutation(len(words))[: len(words)]:
        inner = random.integers(1, max(len(words[place]) - 1, 2))
        kind = random.integers(4)
        neighbour = random.random()
        if amount and len(words[place]) >= _LETTERS and words[place].isalpha():
            words[place] = _mistyped(words[place], int(inner), int(kind), float(neighbour))
            amount -= 1
    return " ".join(words)


def _mistyped(word: str, place: int, kind: int, neighbour: float) -> str:
    """Mistype a letter that is neither the first nor the last; never returns the word itself."""
    before, letter, after = word[:place], word[place], word[place + 1 :]
    swappable = len(after) > 1 and after[0] != letter
    if kind == 0 and swappable:
        return before + after[0] + letter + after[1:]
    if kind == 1:
        return before + after
    near = _NEIGHBOURS.get(letter, "")
    if kind == 2 and near:
        return before + near[int(neighbour * len(near))] + after
    return before + letter + letter + after


_KINDS: dict[Rewrite, Callable[[str, int, np.random.Generator], str]] = {
    "synonym": _synonym,
    "reorder": _reorder,
    "politeness": _politeness,
    "distractor clause": _distractor_clause,
    "typo": _typo,
}
_ORDER: Sequence[Rewrite] = tuple(_KINDS)
