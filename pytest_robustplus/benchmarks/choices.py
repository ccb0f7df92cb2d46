"""Protocols as named choices: what options and ledgers hold as strings, checked against a dataclass of literals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self, get_args, get_type_hints

from pytest_robustplus.errors import BadInputError, unknown


@dataclass(frozen=True, slots=True)
class Choices:
    """A benchmark's protocol: a field for every choice that a result depends on, its default what is published.

    Fields that are no ``Literal`` take any value. ``TITLE`` names the protocol in errors.
    """

    TITLE: ClassVar[str]

    @classmethod
    def parse(cls, choices: Mapping[str, str], *, where: str = "") -> Self:
        """Build a protocol from strings, as options and ledgers hold them; what is absent stays at its default.

        Raises ``BadInputError`` with the nearest right key or value; ``where`` says in it who asked.
        """
        hints, known = get_type_hints(cls), [field.name for field in fields(cls)]
        for key, value in choices.items():
            if key not in known:
                raise unknown(f"choice of {cls.TITLE}", key, known, where=where)
            allowed = get_args(hints[key])
            if len(allowed) == 1 and value not in allowed:
                raise BadInputError(
                    f"{key} of {cls.TITLE} is {value!r}, but this benchmark brings its own: leave it at {allowed[0]!r}."
                )
            if allowed and value not in allowed:
                raise unknown(f"{key} of {cls.TITLE}", value, allowed, where=where)
        return cls(**cls.convert(choices, where))

    @classmethod
    def convert(cls, choices: Mapping[str, str], where: str) -> Mapping[str, Any]:
        """The values of fields that are no strings; raises ``BadInputError``."""
        return choices

    @classmethod
    def of(cls, choices: Mapping[str, str], *names: str) -> Self:
        """Parse only some choices: the same options may hold those of another benchmark."""
        return cls.parse({name: choices[name] for name in names if name in choices})

    def choices(self) -> dict[str, str]:
        """Every choice as a string; ``parse`` reads it back."""
        return {key: str(value) for key, value in asdict(self).items()}

    def digest(self) -> str:
        """Return 12 hexadecimal digits that differ between any two protocols."""
        return hashlib.sha256(json.dumps(self.choices(), sort_keys=True).encode()).hexdigest()[:12]
