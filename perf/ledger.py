"""Episodes per second that the ledger takes from 8 processes writing at once; bound: 2,000.

Usage: python perf/ledger.py [--seconds 5]
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.synchronize
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pytest_robustplus.ledger import AuditKey, EpisodeRecord, Ledger

WRITERS = 8
BOUND = 2000.0
STEPS, WIDTH = 100, 7


def write(
    path: Path,
    writer: int,
    seconds: float,
    start: multiprocessing.synchronize.Barrier,
    results: multiprocessing.Queue[tuple[int, float]],
) -> None:
    """Record finished episodes into one audit, every ``WRITERS``-th position, for ``seconds``."""
    generator = np.random.default_rng(np.random.SeedSequence([7, writer]))
    with Ledger.open(path, verify=False) as ledger:
        audit = ledger.open_audit(KEY, run="perf", total=10**9, order_seed="0").id
        start.wait()
        deadline, processor = time.perf_counter() + seconds, time.process_time()
        count = 0
        while time.perf_counter() < deadline:
            position = count * WRITERS + writer
            episode = EpisodeRecord(
                task=f"libero_spatial/task_{position}_camera_{position % 360}",
                suite="libero_spatial",
                base="pick_up_the_black_bowl_between_the_plate_and_the_ramekin_and_place_it_on_the_plate",
                subdimension="orbit",
                parameters={"azimuth_deg": position % 360, "elevation_deg": 15.0},
                trial=0,
                seed=position,
                instruction="pick up the black bowl between the plate and the ramekin and place it on the plate",
                prompt_source="task_language",
                success=position % 5 != 0,
                worker=f"perf-gw{writer}",
                started="2025-01-01T00:00:00.000000+00:00",
                steps=STEPS,
                looks=STEPS // 8,
                inferences=STEPS // 8,
                simulator_s=1.5,
                policy_s=0.5,
                wall_s=2.02,
                state_hash=f"{position:064x}",
                actions=generator.uniform(-1, 1, (STEPS, WIDTH)).astype(np.float32),
                provenance={"mujoco": "3.3.7", "robosuite": "1.4.0", "renderer": "egl"},
            )
            ledger.record(audit, position, episode)
            count += 1
        results.put((count, time.process_time() - processor))


KEY = AuditKey("perf", "libero_plus", "camera", "0" * 64, "0" * 64, "0" * 64)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    seconds = parser.parse_args().seconds
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.sqlite"
        with Ledger.open(path) as ledger:
            ledger.begin_run("perf", command="perf/ledger.py", versions={})
            start, results = context.Barrier(WRITERS + 1), context.Queue()
            writers = [
                context.Process(target=write, args=(path, writer, seconds, start, results)) for writer in range(WRITERS)
            ]
            for process in writers:
                process.start()
            start.wait()
            began = time.perf_counter()
            counts, processors = zip(*(results.get(timeout=seconds + 120) for _ in writers), strict=True)
            elapsed = time.perf_counter() - began
            recorded = sum(counts)
            for process in writers:
                process.join()
            failed = [process.exitcode for process in writers if process.exitcode]
            audit = ledger.audits()[0].id
            found = len(ledger.outcomes(audit))
        size = path.stat().st_size
        began_open = time.perf_counter()
        Ledger.open(path).close()
        opening = time.perf_counter() - began_open
    rate = recorded / elapsed
    print(f"recorded {recorded}, found {found}, failed writers {len(failed)}")
    print(f"{sum(processors) / recorded * 1e6:.0f} µs of processor time an episode")
    print(
        f"{size / max(found, 1):.0f} bytes an episode; opening and checking {size / 1e6:.0f} MB takes {opening:.2f} s"
    )
    print(f"ledger: {rate:.0f} episodes/s from {WRITERS} writers (bound {BOUND:.0f})")
    return 0 if rate >= BOUND and found == recorded and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
