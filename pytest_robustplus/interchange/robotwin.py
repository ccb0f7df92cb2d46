"""``eval_result/TASK/POLICY/CONFIGURATION/CHECKPOINT/TIME/_result.txt`` of RoboTwin and 2.0-Plus: rates alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_robustplus.interchange.trials import Aggregate, Found, refuse

FORMAT, NAME = "RoboTwin result", "_result.txt"
# The number of episodes stands in RoboTwin's source, not in its result.
EPISODES = 100
# "Timestamp" and "Instruction Type" or, in 2.0-Plus, "Language Mode"; after a batch also its workers and skipped seeds.
_HEAD = re.compile(r"^([A-Z][A-Za-z ]+): (.+)$")
_ROOT = "eval_result"


def read(path: Path) -> Found:
    """Read one file or every file below a folder."""
    files = [path] if path.is_file() else sorted(path.rglob(NAME))
    facts: dict[str, str] = {}
    aggregates = tuple(found for file in files for found in _read_one(file, facts))
    return Found(
        path,
        FORMAT,
        "unstated",
        (),
        aggregates,
        facts,
        ("outcomes of single episodes", f"number of episodes ({EPISODES} in RoboTwin's own script)", "seeds"),
    )


def _read_one(path: Path, facts: dict[str, str]) -> Iterator[Aggregate]:
    task, policy, configuration, checkpoint = _folders(path)
    facts |= {"policy": policy, "checkpoint": checkpoint}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(path, f"it cannot be read ({error})", "Give it as RoboTwin has written it") from error
    rates = []
    for line in lines:
        if head := _HEAD.match(line):
            facts[head[1].lower()] = head[2].strip()
        elif line.strip():
            rates.append(line.strip())
    for text in rates[:1]:
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if not 0 <= rate <= 1:
            raise refuse(path, f"{text!r} is no success rate", "Give the file as RoboTwin has written it")
        if abs(rate * EPISODES - round(rate * EPISODES)) > 1e-6:
            raise refuse(
                path,
                f"{text} is the rate of another number of episodes than {EPISODES}, which the file does not tell",
                "Give the console log of the run",
            )
        yield Aggregate(f"{task}/{configuration}", round(rate * EPISODES), EPISODES)
    if not rates:
        raise refuse(path, "it holds no success rate", "Give the file of a finished evaluation")


def _folders(path: Path) -> tuple[str, str, str, str]:
    """Task, policy, configuration and checkpoint, the last of which may be several folders deep."""
    parts = path.absolute().parts[:-2]
    parts = parts[len(parts) - parts[::-1].index(_ROOT) :] if _ROOT in parts else parts[-4:]
    if len(parts) < 4:
        raise refuse(path, "it does not lie in RoboTwin's folders", "Give eval_result/ as RoboTwin has made it")
    task, policy, configuration, *checkpoint = parts
    return task, policy, configuration, "/".join(checkpoint)
