"""Protocols as named choices: what options and ledgers hold as strings, checked against a dataclass of literals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from pytest_robustplus.errors import BadInputError, unknown

# What a list of tasks with seeds and sentences of its own leaves no choice of.
_BROUGHT = {"prompt_source": "task_language", "env_seed": "0"}


def check(kind: type[Any], choices: Mapping[str, str], title: str, where: str = "") -> None:
    """Raise ``BadInputError`` with the nearest right key or value for what ``kind`` does not know.

    Fields that are no ``Literal`` take any value. ``title`` names the protocol, ``where`` says who asked.
    """
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for key, value in choices.items():
        if key not in known:
            raise unknown(f"choice of {title}", key, known, where=where)
        allowed = get_args(hints[key])
        if allowed and value not in allowed:
            raise unknown(f"{key} of {title}", value, allowed, where=where)


def check_brought(choices: Mapping[str, str], owner: str) -> None:
    """Raise ``BadInputError`` for another prompt source or seed than those that ``owner``'s task list brings."""
    for key, only in _BROUGHT.items():
        if choices.get(key, only) != only:
            raise BadInputError(
                f"{key} is {choices[key]!r}, but {owner}'s task list brings its own: leave it at {only!r}."
            )


def digest(choices: Mapping[str, str]) -> str:
    """Return 12 hexadecimal digits that differ between any two protocols."""
    return hashlib.sha256(json.dumps(dict(choices), sort_keys=True).encode()).hexdigest()[:12]
