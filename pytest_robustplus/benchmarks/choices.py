"""Protocols as named choices: what options and ledgers hold as strings, checked against a dataclass of literals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from pytest_robustplus.errors import unknown


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


def digest(choices: Mapping[str, str]) -> str:
    """Return 12 hexadecimal digits that differ between any two protocols."""
    return hashlib.sha256(json.dumps(dict(choices), sort_keys=True).encode()).hexdigest()[:12]
