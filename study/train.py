"""Trains one GPU's share of the family once its pictures are there; started by ``study.make``, one process a GPU."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from training import data, train
from training.network import Camera
from training.recipe import CHUNK, STEPS

# Everybody takes as many steps as fit for the slowest GPU, within these bounds.
LEAST, MOST = 2000, 6000
# Steps that time one group; the rest of the time is kept for what plays meanwhile and for exporting.
_TIMED, _SHARE = 60, 0.8
_WAIT_S = 60  # for the other GPUs, one of which may have failed
_WARM = ("vla-0", "hybrid-0")


def pretended(count: int, device: str) -> data.Data:
    """Random looks, to compile and record graphs with while pictures are still being drawn."""
    rows = torch.arange(count, device=device)
    return data.Data(
        images=torch.randint(0, 255, (count, 4, 128, 128, 3), dtype=torch.uint8, device=device),
        state=torch.randn(count, 11, device=device),
        actions=torch.rand(count, CHUNK, 7, device=device),
        objects=torch.randn(count, 9, device=device),
        task=rows % 20,
        ahead=rows,
        training=rows,
        held_out=rows[: 2 * train.BATCH],
        sentences=torch.ones(20, 2, 32, dtype=torch.int64, device=device),
        vocabulary=("bowl",),
        digest="",
        episodes=0,
    )


def warm(device: str) -> None:
    """Compile; where the compiler fails, train without."""
    train.quicken()
    start = time.monotonic()
    for name in _WARM:
        try:
            trainers = [train.Trainer(pretended(512, device), name, MOST, device)]
            train.prepare(trainers)
            train.together(trainers, 2 * _TIMED, every=_TIMED)
        except Exception as error:
            print(f"no compiler: {type(error).__name__}: {error}", flush=True)
            Camera.fast = None
        print(f"warm with {name} after {time.monotonic() - start:.0f} s", flush=True)


def agreed(folder: Path, gpu: int, gpus: int, fitting: float, least: int, most: int) -> int:
    """How many steps all members take: what fits on the slowest of the GPUs, of which this one can do ``fitting``."""
    (folder / f"pace-{gpu}.writing").write_text(json.dumps(int(fitting)))
    (folder / f"pace-{gpu}.writing").rename(folder / f"pace-{gpu}.json")
    deadline = time.monotonic() + _WAIT_S
    while len(paces := list(folder.glob("pace-*.json"))) < gpus and time.monotonic() < deadline:
        time.sleep(0.2)
    fits = [int(json.loads(path.read_text())) for path in paces]
    return max(least, min(most, *fits) // 100 * 100)


def paced(trainers: list[train.Trainer], steps: int) -> float:
    """Seconds that a step of all ``trainers`` takes."""
    wait = torch.cuda.synchronize if trainers[0].stream else lambda: None
    wait()
    start = time.monotonic()
    for _ in range(steps):
        # Not `together`, which ends with a look at held-out demonstrations.
        train.step(trainers)
    wait()
    return (time.monotonic() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("groups", nargs="+", help="members by commas, trained side by side")
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--end", type=float, required=True, help="when all should be trained, in seconds of the epoch")
    parser.add_argument("--least", type=int, default=LEAST, help="steps")
    parser.add_argument("--most", type=int, default=MOST, help="steps")
    parser.add_argument("--batch", type=int, default=train.BATCH)
    options = parser.parse_args()
    torch.set_num_threads(2)
    train.BATCH = options.batch
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.set_device(options.gpu)
        warm(device)
    while not (options.drawn / "drawn").exists():
        time.sleep(0.2)
    start = time.monotonic()
    demonstrations = data.load([options.drawn], device)
    print(f"{demonstrations.episodes} episodes, {len(demonstrations.state)} looks, {STEPS} denoising steps;", end=" ")
    print(f"loaded in {time.monotonic() - start:.0f} s", flush=True)
    steps = 0
    for group in options.groups:
        start = time.monotonic()
        trainers = [train.Trainer(demonstrations, name, steps or options.most, device) for name in group.split(",")]
        train.prepare(trainers)
        if not steps:
            pace = paced(trainers, min(_TIMED, options.least))
            members = sum(len(each.split(",")) for each in options.groups)
            fitting = _SHARE * (options.end - time.time()) / (pace * members / len(trainers))
            steps = agreed(options.out, options.gpu, options.gpus, fitting, options.least, options.most)
            (options.out / "steps.json").write_text(json.dumps(steps))
            print(f"{group}: {1000 * pace:.1f} ms a step of all; {steps} steps", flush=True)
            for trainer in trainers:
                trainer.steps = steps
        train.together(trainers, steps)
        for trainer in trainers:
            trainer.save(options.out)
        print(f"{group}: {time.monotonic() - start:.0f} s", flush=True)
        del trainers
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
