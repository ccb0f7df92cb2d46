"""Which tool wrote a file, told from what is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_robustplus.errors import parsed
from pytest_robustplus.interchange import lerobot, logs, robotwin, table, vla_eval
from pytest_robustplus.interchange.trials import Found, refuse

_KNOWN = (
    "lerobot's eval_info.json, vla-eval's record (SQLite) or JSON, RoboTwin's _result.txt or console log, RLinf's log,"
    " a log with 'Task:' and 'Success:' lines, or a CSV or parquet table with columns task and success"
)
_SQLITE = b"SQLite format 3\x00"
_PARQUET = b"PAR1"


def read(path: Path) -> list[Found]:
    """Read a file, or every file of results in a folder; raises ``BadInputError`` for one that is none or broken."""
    if not path.exists():
        raise refuse(path, "there is no such file", "Check the path")
    if not path.is_dir():
        return [_read_file(path)]
    if any(path.rglob(robotwin.NAME)):
        return [robotwin.read(path)]
    inside = sorted([*path.rglob("eval_info.json"), *path.rglob("recording-*.sqlite")])
    if not inside:
        raise refuse(path, "this folder holds no result of a tool that is known here", f"Give {_KNOWN}")
    return [_read_file(file) for file in inside]


def _read_file(path: Path) -> Found:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refuse(path, f"it cannot be read ({error.strerror})", "Make it readable") from error
    if not content.strip():
        raise refuse(path, "it is empty", f"Give {_KNOWN}")
    if content.startswith(_SQLITE):
        if not vla_eval.is_record(path):
            raise refuse(path, "this SQLite file is no record of vla-eval", f"Give {_KNOWN}")
        found = vla_eval.read_record(path)
    elif content.startswith(_PARQUET):
        found = table.read_parquet(path)
    elif path.name == robotwin.NAME:
        found = robotwin.read(path)
    else:
        found = _read_text(path, content)
    if not found.trials and not found.aggregates:
        raise refuse(path, "no episode is told of in it", "Give the results of a run that has played")
    return found


def _read_text(path: Path, content: bytes) -> Found:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(path, f"it is no text ({error.reason} at byte {error.start})", f"Give {_KNOWN}") from error
    if text.lstrip().startswith(("{", "[")):
        document = _json(path, text)
        if lerobot.recognises(document):
            return lerobot.read(path, document)
        if vla_eval.recognises(document):
            return vla_eval.read(path, document)
        raise refuse(path, "this JSON is of no tool that is known here", f"Give {_KNOWN}")
    if logs.recognises(text):
        return logs.read(path, text)
    if path.suffix.lower() in (".csv", ".tsv") or "task" in text.partition("\n")[0].split(","):
        return table.read_csv(path, text)
    raise refuse(path, "it is of no tool that is known here", f"Give {_KNOWN}")


def _json(path: Path, text: str) -> Mapping[str, Any]:
    try:
        document = parsed(json.loads, text)
    except ValueError as error:
        raise refuse(path, f"it is no whole JSON document ({error})", "Give the file of a finished run") from error
    return document if isinstance(document, dict) else {}
