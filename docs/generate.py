"""Write into the pages what the code declares, between markers: options, the JSON's fields, the ledger's tables."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest_robustplus
from pytest_robustplus.ledger.schema import DDL
from pytest_robustplus.options import OPTIONS, Option

DOCS = Path(__file__).parent
sys.path.append(str(DOCS))

import model_cards  # type: ignore[import-not-found]  # noqa: E402  # beside this file, which may be run by its path

SCHEMA = Path(pytest_robustplus.__file__).parent / "reporting" / "schema.json"


def options() -> str:
    return "\n".join(["| option | key | what it does |", "|---|---|---|", *map(_option, OPTIONS)])


def _option(option: Option) -> str:
    value = f"={option.metavar}" if option.metavar else ""
    flag = option.flag + (f"[{value}]" if option.bare else value)
    key = f"`{option.key}`" if option.key else ""
    return f"| `{flag}` | {key} | {option.help} |"


def fields() -> str:
    rows = _fields(json.loads(SCHEMA.read_text(encoding="utf-8")), "")
    return "\n".join(["| field | type | what it is |", "|---|---|---|", *rows])


def _fields(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield a row for each field, those of objects and of objects in lists after it."""
    for kind in schema.get("anyOf", ()):
        yield from _fields(kind, path)
    if "items" in schema:
        yield from _fields(schema["items"], f"{path}[]")
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield f"| `{here}` | {_type(field)} | {field.get('description', '')} |"
        yield from _fields(field, here)


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value else "empty" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        several = schema["items"].get("type")
        return f"list of {several}s" if several else f"list of {_type(schema['items'])}"
    kinds = schema.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def tables() -> str:
    return f"```sql\n{DDL.strip()}\n```"


GENERATED = (
    ("reference/options.md", "options", options),
    ("reference/json.md", "fields", fields),
    ("reference/ledger.md", "tables", tables),
    ("reference/models.md", "found", model_cards.found),
    ("reference/models.md", "cards", model_cards.cards),
)


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page with what should be its text."""
    texts: dict[Path, str] = {}
    for name, marker, make in GENERATED:
        page = DOCS / name
        pattern = re.compile(rf"(<!-- {marker}:begin -->\n).*?(<!-- {marker}:end -->)", re.DOTALL)
        before = texts.get(page) or page.read_text("utf-8")
        texts[page], found = pattern.subn(lambda match, make=make: f"{match[1]}{make()}\n{match[2]}", before)  # type: ignore[misc]
        assert found == 1, f"{page} has no place for {marker}"
    yield from texts.items()
    document = SCHEMA.read_text("utf-8")
    yield DOCS / "reference" / Path(json.loads(document)["$id"]).name, document


if __name__ == "__main__":
    for page, text in pages():
        page.write_text(text, encoding="utf-8")
