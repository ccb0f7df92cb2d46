"""A folder to begin with: a suite, a policy to fill in, the configuration, and a job for CI; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent / "starter"
FILES = ("test_robustness.py", "my_policy.py", "pyproject.toml", ".github/workflows/robustness.yml")


class Started(NamedTuple):
    """Which files were written, and what those that were there already would have held."""

    written: list[str]
    left: dict[str, str]


def start(folder: Path) -> Started:
    """Write what is missing in a folder."""
    started = Started([], {})
    for name in FILES:
        text = (_HERE / f"{Path(name).name}.txt").read_text(encoding="utf-8")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            started.written.append(name)
        except FileExistsError:
            started.left[name] = text
    return started
