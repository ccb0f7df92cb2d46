"""Seconds to collect every cell of every card; bound: 2. Neither that nor --help imports a simulator or a framework.

Usage: python perf/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BOUND_S = 2.0
RUNS = 5
HEAVY = {"mujoco", "robosuite", "liberoplus", "torch", "jax", "sapien", "scipy", "cv2", "matplotlib"}
# hypothesis' own plugin, there for the tests of this package, takes a second of its own.
COLLECT = [
    "suites",
    "--collect-only",
    "-q",
    "--robust-model=all",
    "--robust-perturbation=all",
    "-p",
    "no:hypothesispytest",
]


def imported(arguments: list[str]) -> set[str]:
    """Top-level modules that a pytest run with these arguments has imported in the end."""
    code = f"import sys, pytest; pytest.main({arguments!r}); print('\\n'.join(sys.modules), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stderr.splitlines()}


def collecting_s() -> float:
    """Wall-clock seconds of one collection, the interpreter's start included."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pytest", *COLLECT], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> int:
    heavy = {name: HEAVY & imported(arguments) for name, arguments in (("--help", ["--help"]), ("collecting", COLLECT))}
    for name, found in heavy.items():
        print(f"{name} imports {', '.join(sorted(found)) or 'nothing heavy'}")
    # The least of several runs: what else the machine does can only add.
    seconds = min(collecting_s() for _ in range(RUNS))
    print(f"{seconds:.2f} s to collect every cell (bound {BOUND_S:.0f} s)")
    return int(seconds > BOUND_S or any(heavy.values()))


if __name__ == "__main__":
    sys.exit(main())
