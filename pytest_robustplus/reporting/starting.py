"""What a folder to begin with says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PURPOSES = {
    "test_robustness.py": "the suite",
    "my_policy.py": "the policy that is tested: put your network there",
    "pyproject.toml": "which cells are played",
    ".github/workflows/robustness.yml": "the same every night",
}


def account(folder: Path, written: Sequence[str], left: Mapping[str, str]) -> Iterator[str]:
    """Say of each file what it is for, or what it would have held, and how to go on."""
    for name in written:
        yield f"written: {folder / name}  ({_PURPOSES[name]})"
    for name, text in left.items():
        yield f"left as it is: {folder / name}. What would have been written:"
        yield from (f"    {line}" for line in text.splitlines())
    yield f"Now: cd {folder} && pytest. That needs two extras: pip install 'pytest-robustplus[libero,onnx]'"
