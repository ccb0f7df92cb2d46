"""Processor time that each policy takes for a chunk: ``python -m study.time CHECKPOINTS OUT.json``.

Policies compute on the thread that calls them, in turn, so that whatever slows the machine slows all of them; time in
which others had the processor does not count.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from time import thread_time

import numpy as np

from pytest_robustplus.policies.contract import Observation
from pytest_robustplus.statistics.slowdown import percentiles
from training.checkpoint import Checkpoint
from training.recipe import SIZE

_WARM_UP = 10


def looks(count: int) -> list[Observation]:
    """Noise for pictures: what is seen does not change what is computed."""
    random = np.random.default_rng(0)
    return [
        Observation(
            {name: random.integers(0, 256, (SIZE, SIZE, 3), np.uint8) for name in ("agentview", "wrist")},
            {"state": random.normal(size=11).astype(np.float32)},
            "pick up the black bowl",
        )
        for _ in range(count)
    ]


def timed(paths: Sequence[Path], calls: int) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of ``calls`` of each policy, in milliseconds."""
    policies, seen = {path.stem: Checkpoint(path) for path in paths}, looks(8)
    seconds: dict[str, list[float]] = {name: [] for name in policies}
    for call in range(_WARM_UP + calls):
        for name, policy in policies.items():
            start = thread_time()
            policy.act([seen[call % len(seen)]])
            seconds[name].append(thread_time() - start)
    spent = {name: 1000.0 * np.array(values[_WARM_UP:], np.float64) for name, values in seconds.items()}
    found = {name: percentiles(ms) for name, ms in spent.items()}
    return {name: {"median_ms": of.p50, "p95_ms": of.p95} for name, of in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="CHECKPOINTS")
    parser.add_argument("out", type=Path)
    parser.add_argument("--calls", type=int, default=60)
    options = parser.parse_args()
    options.out.write_text(json.dumps(timed(sorted(options.folder.glob("*.onnx")), options.calls), indent=1) + "\n")


if __name__ == "__main__":
    main()
