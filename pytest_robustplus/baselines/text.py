"""TOML as text that a person reviews, and a file that is replaced whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

from pytest_robustplus.errors import BadInputError


def text(value: str) -> str:
    """Quote a string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a JSON string but for DEL is a TOML one


def key(name: str) -> str:
    """Quote a key if it needs it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else text(name)


def replace_file(path: Path, content: str) -> None:
    """Write ``path`` in one step; raises ``BadInputError`` when it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(content, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise BadInputError(
            f"Cannot write the baseline {path}: {error.strerror}. Choose a place that can be written."
        ) from error
