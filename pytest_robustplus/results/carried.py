"""How results travel: as properties of test reports, which pytest-xdist and JUnit XML carry, and back again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Carried:
    """A result that travels as one property named ``PROPERTY``, its fields as JSON."""

    PROPERTY: ClassVar[str]

    def properties(self) -> list[tuple[str, object]]:
        """As properties of a test report."""
        return [(self.PROPERTY, json.dumps(asdict(self)))]

    @classmethod
    def read(cls, properties: Iterable[tuple[str, object]]) -> Self | None:
        """Read back what ``properties`` wrote; None for a test that found out nothing of the kind."""
        return next((cls.parse(text) for name, text in properties if name == cls.PROPERTY), None)

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read the value of the property."""
        return restored(cls, json.loads(str(text)))


@dataclass(frozen=True, slots=True)
class CarriedByField(Carried):
    """A result that travels as one property a field, named ``PROPERTY`` and the field, for whoever reads JUnit XML."""

    def properties(self) -> list[tuple[str, object]]:
        """As properties of a test report; what is no scalar becomes JSON text."""
        return [
            (self.PROPERTY + name, json.dumps(value) if isinstance(value, tuple | list | dict) else value)
            for name, value in asdict(self).items()
        ]

    @classmethod
    def read(cls, properties: Iterable[tuple[str, object]]) -> Self | None:
        """Read back what ``properties`` wrote; None for a test that found out nothing of the kind."""
        begin, hints = cls.PROPERTY, _hints(cls)  # type: ignore[arg-type]  # mypy takes type[Self] for unhashable
        found = {name.removeprefix(begin): value for name, value in properties if name.startswith(begin)}
        values = {
            name: json.loads(value) if isinstance(value, str) and not _is_text(hints[name], value) else value
            for name, value in found.items()
            if name in hints
        }
        return restored(cls, values) if values else None


def restored(kind: type[T], value: Any) -> T:
    """Rebuild a value of ``kind`` from what JSON made of it; fields that ``kind`` does not know are passed over."""
    built: T = _restored(kind, value)
    return built


def _restored(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, UnionType):
        choices = [choice for choice in get_args(hint) if choice is not NoneType]
        # Where a text stood in an earlier release it stays one, whatever may stand there now.
        hint = str if isinstance(value, str) and str in choices else next((c for c in choices if c is not str), str)
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        if kinds[-1] is Ellipsis:
            return tuple(_restored(kinds[0], item) for item in value)
        return tuple(_restored(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    if is_dataclass(hint):
        hints = _hints(hint)  # type: ignore[arg-type]
        return hint(**{name: _restored(hints[name], item) for name, item in value.items() if name in hints})  # type: ignore[operator]
    if isinstance(hint, type) and issubclass(hint, tuple):
        # Not strict: a named tuple of an earlier release may lack the fields that have defaults now.
        return hint(*(_restored(kind, item) for kind, item in zip(_hints(hint).values(), value, strict=False)))
    return value


def _is_text(hint: Any, value: str) -> bool:
    if isinstance(hint, UnionType) and str in get_args(hint):
        return not value.startswith("{")
    return hint is str or get_origin(hint) is Literal


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)} if is_dataclass(kind) else hints
