"""A folder to begin with: a suite, a policy to fill in, the configuration, and a job for CI; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent / "starter"
FILES = {
    "test_robustness.py": "the suite",
    "my_policy.py": "the policy that is tested: put your network there",
    "pyproject.toml": "which cells are played",
    ".github/workflows/robustness.yml": "the same every night",
}


def start(folder: Path) -> Iterator[str]:
    """Write what is missing in a folder and say of each file what it is for, or that there is one already."""
    left = []
    for name, purpose in FILES.items():
        text = (_HERE / f"{Path(name).name}.txt").read_text(encoding="utf-8")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            left.append((name, text))
            continue
        yield f"written: {path}  ({purpose})"
    for name, text in left:
        yield f"left as it is: {folder / name}. What would have been written:"
        yield from (f"    {line}" for line in text.splitlines())
    yield f"Now: cd {folder} && pytest. That needs two extras: pip install 'pytest-robustplus[libero,onnx]'"
