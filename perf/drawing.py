"""What leaving things out saves of a picture: what lies outside a camera's frame, a mirror or outside of one, and
triangles of what rests before a camera that hold no sample of it.

Draws the same states of every suite twice, as the simulator does and with everything in, in alternating order, while
the arm moves at random; compares every bit. The figure of a camera is the median ratio of the two times: of processor
where the processor draws, so that a machine's other work counts little, and of the wall otherwise. Bounds: no bit
differs, agentview's pictures take at most 5 % longer in any suite, and the wrist's at most .8 of the time over all;
where the processor draws, agentview's take at most .65 in any.

Usage: python perf/drawing.py [PICTURES]  (of each camera and suite; 16)
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_robustplus.benchmarks.libero_plus import cameras
from pytest_robustplus.benchmarks.libero_plus.packages import SUITES
from pytest_robustplus.benchmarks.libero_plus.passes import View
from pytest_robustplus.benchmarks.libero_plus.protocol import LiberoProtocol
from pytest_robustplus.benchmarks.libero_plus.simulator import LiberoSimulator
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.perturbations import Dimension

MOST_AGENTVIEW, MOST_WRIST = 1.05, 0.8
MOST_BY_PROCESSOR = 0.65
BETWEEN = 5  # control steps


def main() -> int:
    pictures = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    warnings.simplefilter("ignore")
    ratios: dict[str, dict[str, list[float]]] = {camera: {} for camera in cameras.NAMES}
    simulator = LiberoSimulator(LiberoProtocol())
    drawn = differing = 0
    for suite in SUITES:
        simulator.reset(next(t for t in tasks() if t.suite == suite and t.dimension is Dimension.ORIGINAL))
        painter = simulator._scenes.painter(simulator.scene)
        clock = time.process_time if "llvmpipe" in simulator.provenance()["renderer"] else time.perf_counter
        moves = np.random.default_rng(0).uniform(-0.5, 0.5, (pictures, 7))
        for turn, move in enumerate(moves):
            for _ in range(BETWEEN):
                simulator.step(move, render=False)
            for camera, name in cameras.NAMES.items():
                spared, whole, same = both(painter, name, clock, whole_first=bool(turn % 2))
                drawn, differing = drawn + 1, differing + (not same)
                if turn:  # the first uploads
                    ratios[camera].setdefault(suite, []).append(spared / whole)
        told = ", ".join(f"{camera} {np.median(by[suite]):.2f}" for camera, by in ratios.items())
        print(f"{suite:15} {told} of the time of drawing everything", flush=True)
    renderer = simulator.provenance()["renderer"]
    simulator.close()
    most = MOST_BY_PROCESSOR if "llvmpipe" in renderer else MOST_AGENTVIEW
    agentview = max(float(np.median(own)) for own in ratios[cameras.MAIN].values())
    wrist = float(np.median([ratio for own in ratios["wrist"].values() for ratio in own]))
    print(
        f"drawing, by {renderer}: the wrist's pictures take {wrist:.2f} (bound {MOST_WRIST}) and agentview's at most"
        f" {agentview:.2f} (bound {most}) of the time; {differing} of {drawn} differ"
    )
    return int(bool(differing) or agentview > most or wrist > MOST_WRIST)


def both(painter: Any, camera: str, clock: Callable[[], float], *, whole_first: bool) -> tuple[float, float, bool]:
    """Seconds of a picture as the simulator draws it and with everything in, and whether the two are equal."""
    seconds, images = {}, {}
    none = np.zeros(painter._scene.model.ngeom, bool)
    everything = View(none, none, True)
    for whole in (whole_first, not whole_first):
        if whole:
            # Shadow methods of the class for one picture: nothing is out of frame or trimmed, every mirror is in view.
            painter._in_view, painter._resting_lists = lambda data: everything, lambda data: {}
        begun = clock()
        images[whole] = painter.draw(camera)
        seconds[whole] = clock() - begun
        for shadowed in ("_in_view", "_resting_lists"):
            vars(painter).pop(shadowed, None)
    return seconds[False], seconds[True], bool((images[False] == images[True]).all())


if __name__ == "__main__":
    sys.exit(main())
