"""Kept members' outcomes as baselines: ``python -m study.accepted OUTCOMES CHECKPOINTS OUT --like FILE``.

FILE is a baseline recorded on the same machine, whose versions, protocol and date hold for the members, too. A member's
card names its file (``baseline = "vla-0"``), so a run of it is held against what was recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import tomllib
from pathlib import Path

from pytest_robustplus.baselines import write_recorded
from pytest_robustplus.benchmarks.libero_generated.benchmark import LiberoGenerated
from study.report import BENCHMARK, DIMENSIONS, load
from training.words import SUITES


def write(outcomes: Path, checkpoints: Path, out: Path, like: Path) -> list[Path]:
    """Write ``NAME.toml`` for each kept member, of the tasks that all members without augmentation have played."""
    played, same = load(outcomes), tomllib.loads(like.read_text())["recorded"]
    sizes = sorted(len(played.shared(played.core, dimension)) for dimension in DIMENSIONS)
    plain = len(played.shared(played.core, *SUITES))
    count = f"{sizes[0]} to {sizes[-1]}" if sizes[0] < sizes[-1] else f"{sizes[0]}"
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for file in sorted(checkpoints.glob("*.onnx")):
        tasks = played.shared(played.core, *SUITES, *DIMENSIONS)
        own = {task: played.outcomes[file.stem][task] for task in tasks}
        written.append(out / f"{file.stem}.toml")
        write_recorded(
            written[-1],
            own,
            LiberoGenerated({}).tasks(),
            model=file.stem,
            benchmark=BENCHMARK,
            label="recorded",
            date=same["date"],
            task_list=f"libero_object and libero_spatial: the first {count} tasks of a dimension in the study's order,"
            f" {plain} unperturbed ones",
            prompt_source=same["prompt_source"],
            protocol=same["protocol"],
            versions={
                **same["versions"],
                "checkpoint": f"onnx-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}",
            },
        )
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outcomes", type=Path)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--like", type=Path, required=True)
    options = parser.parse_args()
    for path in write(options.outcomes, options.checkpoints, options.out, options.like):
        print(path)


if __name__ == "__main__":
    main()
