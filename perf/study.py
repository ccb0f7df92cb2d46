"""Whether `make study` keeps to its half hour on two cores: ``python perf/study.py [--tasks N]``.

Runs it as it is. ``--tasks`` plays only so many tasks a dimension, and reckons the whole from the episodes a second of
those; the start of simulators and the report count as they are. Bound: 30 minutes, and every task played by all. Where
others took more than a fifth of the two cores, half of the processor time that the run itself took is held against the
bound instead of the wall's, with a tenth added for what two workers wait.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pytest_robustplus import load_run

ROOT = Path(__file__).parents[1]
BOUND_S, MEMBERS, DIMENSIONS, CORES = 1800, 4, 8, 2
_ALONE, _WAITING = 0.8, 1.1
FULL = MEMBERS * (7 * 14 + 16)  # episodes, by the budget that the Makefile states


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, help="of each dimension, instead of the whole budget")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = [f"STUDY={folder}", *([f"STUDY_BUDGET={options.tasks}"] if options.tasks else [])]
        start = time.perf_counter()
        subprocess.run(["make", "-o", "install", "study", *given], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = spent.ru_utime + spent.ru_stime
        episodes = load_run(Path(folder) / "ledger.sqlite").episodes
        assert "## Claims" in (Path(folder) / "study.md").read_text()
    due = MEMBERS * DIMENSIONS * options.tasks if options.tasks else FULL
    print(f"{len(episodes)} of {due} episodes in {wall:.0f} s, {processor:.0f} s of processor")
    alone = processor > _ALONE * CORES * wall
    print("on two cores of its own" if alone else "others had much of the two cores: reckoned from processor time")
    whole = (wall if alone else _WAITING * processor / CORES) * FULL / due
    print(f"`make study`, {FULL} episodes on two workers: {whole / 60:.1f} min (bound {BOUND_S / 60:.0f})")
    sys.exit(whole > BOUND_S or len(episodes) < due)


if __name__ == "__main__":
    main()
