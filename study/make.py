"""The full study on a machine with GPUs, in pieces that can each be ended and begun again:

    python -m training.record RECORDED                  # physics only, on any machine
    python -m study.make draw WORK --recorded RECORDED
    python -m study.make train WORK                     # repeat until it says that nothing is left, as the next two
    python -m study.make export WORK
    python -m study.make play WORK                      # --of steps and --of int8: the variants
    python -m study.make report WORK

Every piece ends within ``--seconds`` (540), with exit code 75 where something is left; what was trained, exported or
played by then is kept in WORK. A member is trained within one call or anew.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from training.recipe import STEPS

ROOT = Path(__file__).parents[1]
# Members by order of need: each group is trained side by side.
GROUPS = (
    ("vla-0", "joint-0", "hybrid-0"),
    ("inverse-0", "flow-0", "hybrid-1"),
    ("vla-1", "joint-1", "hybrid-2"),
    ("vla-2", "joint-2", "inverse-1"),
    ("flow-1", "inverse-2", "flow-2"),
    ("vla_robust-0", "joint_robust-0"),
    ("hybrid_robust-0", "inverse_robust-0", "flow_robust-0"),
)
MEMBERS = tuple(member for group in GROUPS for member in group)
TRAINED = 2100  # steps, as in the recorded run
OTHER_STEPS = {"joint-0": (1, 2), "inverse-0": (1, 2), "flow-0": (1, 2)}
INT8 = ("vla-0", "joint-0", "inverse-0", "hybrid-0")
EVERY = "original,camera,robot,language,light,background,noise,layout"
# Whom a piece of playing compares, in which dimensions; each member itself stands beside its variants.
PLAYED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "members": (MEMBERS, EVERY),
    "steps": (tuple(n for m, several in OTHER_STEPS.items() for n in (m, *(f"{m}@{s}" for s in several))), EVERY),
    "int8": (tuple(name for member in INT8 for name in (member, f"{member}+int8")), "original,noise"),
}
FAMILIES = {"vla": "vla", "flow": "vla", "joint": "wam", "inverse": "wam", "hybrid": "hybrid"}
KINDS = {kind + twin for kind in FAMILIES for twin in ("", "_robust")}
PARAMETERS = {"vla": "3.7M", "flow": "3.9M", "joint": "3.9M", "inverse": "4.7M", "hybrid": "3.7M"}
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_GRACE_S = 25  # for pytest to end in order
UNFINISHED = 75  # what sysexits calls a temporary failure: run the piece again
# Nobody is dropped, so that every member plays the whole budget.
_ALL_PLAY = ("--robust-alpha-pass=1e-300", "--robust-margin=0")


def card(name: str) -> str:
    """The table that makes ``NAME.onnx`` beside it a model of the product's."""
    kind = name.partition("-")[0].removesuffix("_robust")
    steps = name.partition("@")[2] or str(STEPS)
    lines = [
        f'[tool.robustplus.model."{name}"]',
        'like = "reference"',
        f'title = "study: {name}"',
        f'family = "{FAMILIES[kind]}"',
        f'policy = "onnx:{name}.onnx"',
        f'baseline = "{name}"',
        f'parameters = "{PARAMETERS[kind]}"',
    ]
    if kind in ("flow", "joint", "inverse"):
        lines.append(f'denoising_steps = "{steps}"')
    return "\n".join(lines) + "\n"


def cards(work: Path) -> None:
    """Write the configuration under which everything exported so far can be played."""
    names = [path.stem for path in sorted(work.glob("*.onnx")) if path.stem.partition("-")[0] in KINDS]
    text = '[tool.pytest.ini_options]\naddopts = ""\n\n' + "\n".join(map(card, names))
    (work / "pyproject.toml").write_text(text)


def piece(command: Sequence[str], seconds: float, *, threads: bool = False) -> int:
    """Run a module until it ends, or is asked to when the time is up, which returns ``UNFINISHED``."""
    environment = {**os.environ, **({} if threads else _ONE_THREAD), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-u", "-m", *command], cwd=ROOT, env=environment)
    try:
        return process.wait(max(seconds - _GRACE_S, 1))
    except subprocess.TimeoutExpired:
        print("The time is up; run this piece again for the rest.", flush=True)
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return UNFINISHED


def draw(work: Path, options: argparse.Namespace) -> int:
    """Render what was recorded."""
    drawn = work / "drawn"
    drawn.mkdir(parents=True, exist_ok=True)
    if (drawn / "drawn").exists():
        print("All is drawn.")
        return 0
    command = ["training.draw", str(options.recorded), str(drawn), "--workers", str(options.workers)]
    command += ["--episodes", str(options.episodes), "--seconds", str(options.seconds - 60)]
    code = piece(command, options.seconds)
    if code == 0 and list(drawn.glob("index-*.npy")):
        (drawn / "drawn").touch()
    return code


def train(work: Path, options: argparse.Namespace) -> int:
    """Train the groups that have members left, one after the other, while the time lasts."""
    if not (work / "drawn" / "drawn").exists():
        sys.exit(f"{work} holds no complete demonstrations: run `python -m study.make draw` until it ends by itself.")
    end = time.monotonic() + options.seconds
    longest = 0.0
    for group in GROUPS:
        wanted = [name for name in group if not (work / f"{name}.pt").exists()]
        wanted = [name for name in wanted if options.only in (None, name)]
        if not wanted:
            continue
        if longest and time.monotonic() + 1.2 * longest > end:
            print(f"{','.join(wanted)} and what follows are left for the next call.")
            return UNFINISHED
        began, steps = time.monotonic(), str(options.trained)
        command = ["study.train", str(work / "drawn"), str(work), ",".join(wanted), "--least", steps, "--most", steps]
        command += ["--end", str(time.time() + options.seconds), "--batch", str(options.batch)]
        if code := piece(command, end - time.monotonic(), threads=True):
            return code
        longest = max(longest, time.monotonic() - began)
        print(f"{','.join(wanted)}: {time.monotonic() - began:.0f} s", flush=True)
    return 0


def export(work: Path, options: argparse.Namespace) -> int:
    """Make playable what has been trained, in all forms that are played."""
    from training.export import export as written
    from training.faults import quantise

    end = time.monotonic() + options.seconds - _GRACE_S
    trained = [path.stem for path in sorted(work.glob("*.pt"))]
    for name in trained:
        for steps in (STEPS, *OTHER_STEPS.get(name, ())):
            file = work / (f"{name}.onnx" if steps == STEPS else f"{name}@{steps}.onnx")
            if not file.exists() and time.monotonic() < end:
                print(written(work, name, steps), flush=True)
    for name in INT8:
        file, target = work / f"{name}.onnx", work / f"{name}+int8.onnx"
        if file.exists() and not target.exists() and time.monotonic() < end:
            quantise(work, name)
            print(target, flush=True)
    cards(work)
    return 0


def play(work: Path, options: argparse.Namespace) -> int:
    """Compare members, or variants, on the generated edition; the ledger keeps what was played."""
    cards(work)
    wanted, dimensions = PLAYED[options.of]
    there = [name for name in wanted if (work / f"{name}.onnx").exists()]
    if len(there) < len(wanted):
        print(f"Not exported, so not played: {', '.join(sorted(set(wanted) - set(there)))}.")
    command = ["pytest", "-c", str(work / "pyproject.toml"), "suites/libero_plus_generated/test_comparison.py"]
    command += ["-p", "no:cacheprovider", "-n", str(options.workers), f"--robust-compare={','.join(there)}"]
    command += ["--robust-suite=libero_object,libero_spatial", f"--robust-perturbation={dimensions}"]
    command += [f"--robust-budget={options.budget}", f"--robust-ledger={work / 'ledger.sqlite'}", *_ALL_PLAY]
    return piece(command, options.seconds)


def report(work: Path, options: argparse.Namespace) -> int:
    """Time the members side by side, write page and figures, and export every episode."""
    ledger, timings = str(work / "ledger.sqlite"), work / "timings.json"
    code = piece(["study.time", str(work), str(timings)], options.seconds)
    code |= piece(["study.report", ledger, str(work / "report"), "--timings", str(timings)], options.seconds)
    command = ["pytest", "-c", str(work / "pyproject.toml"), f"--robust-ledger={ledger}"]
    return code | piece([*command, f"--robust-export={work / 'report' / 'episodes.csv'}"], options.seconds)


PIECES: Mapping[str, Callable[[Path, argparse.Namespace], int]] = {
    each.__name__: each for each in (draw, train, export, play, report)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=PIECES)
    parser.add_argument("work", type=Path)
    parser.add_argument("--recorded", type=Path, help="what training.record wrote, for draw")
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--workers", type=int, default=max(len(os.sched_getaffinity(0)) - 2, 1))
    parser.add_argument("--episodes", type=int, default=60, help="demonstrations of each task at least, for draw")
    parser.add_argument("--trained", type=int, default=TRAINED, help="steps, for train")
    parser.add_argument("--batch", type=int, default=128, help="for train")
    parser.add_argument("--only", help="one member to train")
    parser.add_argument("--of", choices=PLAYED, default="members", help="what to play")
    parser.add_argument("--budget", default="200", help="tasks of each dimension, as --robust-budget")
    options = parser.parse_args()
    if options.piece == "draw" and options.recorded is None:
        parser.error("draw needs --recorded")
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    sys.exit(PIECES[options.piece](work, options))


if __name__ == "__main__":
    main()
