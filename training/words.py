"""The words that the reference policies know: those of LIBERO's own sentences for two suites, and no others.

An instruction is a bag of words: what is not in the vocabulary, such as the suffixes with which LIBERO-Plus pollutes
its prompts, is left out. The sentences of LIBERO-Plus' language tasks are test data and not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SUITES = ("libero_object", "libero_spatial")
LENGTH = 32
PADDING = 0
_WORD = re.compile(r"[a-z]+")


def split(sentence: str) -> list[str]:
    return _WORD.findall(sentence.lower())


def vocabulary(sentences: Iterable[str]) -> tuple[str, ...]:
    """Sort the words of ``sentences``; a word's number is its place here plus one, since 0 is padding."""
    return tuple(sorted({word for sentence in sentences for word in split(sentence)}))


def tokens(sentence: str, known: Sequence[str]) -> NDArray[np.int64]:
    """Number the known words of ``sentence``, at most 32, padded with 0; shape (32,)."""
    numbers = {word: number for number, word in enumerate(known, 1)}
    found = [numbers[word] for word in split(sentence) if word in numbers][:LENGTH]
    return np.array(found + [PADDING] * (LENGTH - len(found)), np.int64)
