"""The full study on a machine with GPUs, in pieces that can each be ended and begun again:

    python -m training.record RECORDED                  # physics only, on any machine
    python -m study.make draw WORK --recorded RECORDED
    python -m study.make train WORK                     # repeat until it says that nothing is left, as the next
    python -m study.make play WORK                      # --of steps, --of int8 and --of ablations: the variants
    python -m study.make report WORK

Every piece ends within ``--seconds`` (540), with exit code 75 where something is left; what was trained or played by
then is kept in WORK. The first three may run at once: training compiles while pictures are drawn, and whoever is
trained is exported and played while others are still in training.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_robustplus.distributed import devices
from study.players import ABLATIONS, Budgets, Pool
from training.recipe import STEPS

ROOT = Path(__file__).parents[1]
_PATH = (str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
# Members by order of need: each group is trained side by side on one card.
GROUPS = (
    ("vla-0", "joint-0", "hybrid-0"),
    ("vla-1", "joint-1", "hybrid-1"),
    ("vla-2", "joint-2", "hybrid-2"),
    ("inverse-0", "vla_robust-0"),
    ("flow-0", "inverse_robust-0"),
    ("joint_robust-0", "hybrid_robust-0"),
    # Added after the ten without augmentation had been played and read.
    ("inverse-1", "inverse-2"),
)
MEMBERS = tuple(member for group in GROUPS for member in group)
LEAST, MOST = 2000, 6000  # steps: as many as fit into the time, the same for all members
OTHER_STEPS = {"joint-0": (1, 2), "inverse-0": (1, 2), "flow-0": (1, 2), "joint-1": (2,), "joint-2": (2,)}
INT8 = ("vla-0", "joint-0", "inverse-0", "hybrid-0")
# Whom a piece of playing plays, beside the members that are their measure.
PLAYED: Mapping[str, tuple[str, ...]] = {
    "members": MEMBERS,
    "steps": tuple(f"{member}@{steps}" for member, several in OTHER_STEPS.items() for steps in several),
    "int8": tuple(f"{member}+int8" for member in INT8),
    "ablations": tuple(f"{member}~{arm}" for member in INT8 for arm in ABLATIONS),
}
FAMILIES = {"vla": "vla", "flow": "vla", "joint": "wam", "inverse": "wam", "hybrid": "hybrid"}
KINDS = {kind + twin for kind in FAMILIES for twin in ("", "_robust")}
PARAMETERS = {"vla": "3.7M", "flow": "3.9M", "joint": "3.9M", "inverse": "4.7M", "hybrid": "3.7M"}
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_GRACE_S = 25  # for a piece to end in order
UNFINISHED = 75  # what sysexits calls a temporary failure: run the piece again


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


def pieces(
    commands: Sequence[Sequence[str]],
    seconds: float,
    *,
    threads: bool = False,
    environments: Sequence[Mapping[str, str]] = ({},),
) -> int:
    """Run modules side by side until they end, or are asked to when the time is up, which returns ``UNFINISHED``."""
    usual = {**os.environ, **({} if threads else _ONE_THREAD), "PYTHONPATH": os.pathsep.join(_PATH)}
    running = [
        subprocess.Popen([sys.executable, "-u", "-m", *command], cwd=ROOT, env={**usual, **own})
        for command, own in zip(commands, environments, strict=True)
    ]
    end = time.monotonic() + max(seconds - _GRACE_S, 1)
    try:
        return max(abs(process.wait(max(end - time.monotonic(), 0))) for process in running)
    except subprocess.TimeoutExpired:
        print("The time is up; run this piece again for the rest.", flush=True)
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return UNFINISHED


def piece(command: Sequence[str], seconds: float) -> int:
    return pieces([command], seconds)


def draw(work: Path, options: argparse.Namespace) -> int:
    """Render what was recorded, each graphics card its share."""
    drawn = work / "drawn"
    drawn.mkdir(parents=True, exist_ok=True)
    if (drawn / "drawn").exists():
        print("All is drawn.")
        return 0
    cards: list[devices.Device | None] = [*devices.find()] or [None]
    shared = ["training.draw", str(options.recorded), str(drawn), "--episodes", str(options.episodes)]
    shared += ["--workers", str(max(options.workers // len(cards), 1)), "--seconds", str(options.seconds - 60)]
    shared += ["--plain"] if options.plain else []
    commands = [[*shared, "--share", str(place), str(len(cards))] for place in range(len(cards))]
    code = pieces(commands, options.seconds, environments=[card.environment() if card else {} for card in cards])
    if code == 0 and list(drawn.glob("index-*.npy")):
        (drawn / "drawn").touch()
    return code


def train(work: Path, options: argparse.Namespace) -> int:
    """Train the groups that have members left, on all cards at once; waits for pictures that are still being drawn."""
    if not (work / "drawn").exists():
        sys.exit(f"{work} holds no demonstrations: run `python -m study.make draw` first, or beside this.")
    missing = [[name for name in group if not (work / f"{name}.pt").exists()] for group in GROUPS]
    missing = [[name for name in group if name in (options.members or MEMBERS)] for group in missing]
    cards = len(devices.find()) or 1
    shares = dealt([group for group in missing if group], cards)
    if not shares:
        print("All are trained.")
        return 0
    least, most = options.least, options.most
    if (decided := work / "steps.json").exists():
        least = most = json.loads(decided.read_text())
    for path in work.glob("pace-*.json"):
        path.unlink()
    end = ["--end", str(time.time() + options.seconds - _GRACE_S), "--batch", str(options.batch)]
    bounds = ["--least", str(least), "--most", str(most), "--gpus", str(len(shares))]
    return pieces(
        [
            ["study.train", str(work / "drawn"), str(work), *map(",".join, share), "--gpu", str(gpu), *bounds, *end]
            for gpu, share in enumerate(shares)
        ],
        options.seconds,
        threads=True,
        environments=[{}] * len(shares),
    )


def dealt(groups: Sequence[Sequence[str]], cards: int) -> list[list[Sequence[str]]]:
    """Deal groups in their order, always to the card with the fewest members."""
    shares: list[list[Sequence[str]]] = [[] for _ in range(cards)]
    for group in groups:
        min(shares, key=lambda share: sum(map(len, share))).append(group)
    return [share for share in shares if share]


def export(work: Path, options: argparse.Namespace) -> int:
    """Make playable what has been trained, in all forms that are played."""
    from training.export import export as written
    from training.export import told
    from training.faults import quantise

    end = time.monotonic() + options.seconds - _GRACE_S
    for name, steps in _unexported(work):
        if time.monotonic() < end:
            file = written(work, name, steps)
            # The product tells a policy its instruction as text.
            told(file, partial := file.with_suffix(".told"))
            print(partial.rename(file), flush=True)
    for name in INT8:
        file, target = work / f"{name}.onnx", work / f"{name}+int8.onnx"
        if options.of == "int8" and file.exists() and not target.exists() and time.monotonic() < end:
            quantise(work, name)
            print(target, flush=True)
    cards(work)
    return 0


def _unexported(work: Path) -> list[tuple[str, int]]:
    trained = [path.stem for path in sorted(work.glob("*.pt"))]
    forms = [(name, STEPS) for name in trained]
    forms += [(name, steps) for name in trained for steps in OTHER_STEPS.get(name, ())]
    return [form for form in forms if not (work / _file(*form)).exists()]


def _file(name: str, steps: int) -> str:
    return f"{name}.onnx" if steps == STEPS else f"{name}@{steps}.onnx"


def play(work: Path, options: argparse.Namespace) -> int:
    """Play who is trained, and who is by then, on the generated edition, every member the same tasks in one order."""
    first = options.members or PLAYED[options.of]
    wanted = [name for name in PLAYED[options.of] if name in first or name in options.later]
    seconds = options.seconds - _GRACE_S
    pool = Pool(work, work / "outcomes.jsonl", options.workers, time.time() + seconds, devices.find())
    end, exporting, left = time.monotonic() + seconds, None, True
    while left and time.monotonic() < end:
        if (exporting is None or exporting.poll() is not None) and _unexported(work):
            command = [sys.executable, "-m", "study.make", "export", str(work), "--of", options.of]
            exporting = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(_PATH)})
        there = [name for name in wanted if (work / f"{name.partition('~')[0]}.onnx").exists()]
        awaited = options.wait and len(there) < len(wanted)
        rounds = [name for name in there if name in first], [name for name in there if name not in first]
        budgets = [Budgets(dict.fromkeys(players, options.budget), options.unperturbed) for players in rounds]
        if not (left := pool.play(budgets, 2.0) or awaited or _unexported(work) != []):
            break
        if awaited and not there:
            time.sleep(1)
    pool.close()
    outcomes = pool.work.count
    print(f"{outcomes} outcomes of {len(there)} of {len(wanted)} players; {'some' if left else 'none'} left.")
    cards(work)
    return UNFINISHED if left else 0


def report(work: Path, options: argparse.Namespace) -> int:
    """Time the members side by side, and write page, figures and the table of all outcomes."""
    outcomes, timings, training = (str(work / name) for name in ("outcomes.jsonl", "timings.json", "training.json"))
    facts = {name: json.loads(path.read_text()) for name in MEMBERS if (path := work / f"{name}.json").exists()}
    Path(training).write_text(json.dumps(facts, indent=1) + "\n")
    code = piece(["study.time", str(work), timings], options.seconds)
    written = ["study.report", outcomes, str(work / "report"), "--timings", timings, "--training", training]
    return code | piece(written, options.seconds)


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
    parser.add_argument("--plain", action="store_true", help="for draw: no random views, and so no robust twins")
    parser.add_argument("--least", type=int, default=LEAST, help="steps, for train")
    parser.add_argument("--most", type=int, default=MOST, help="steps, for train")
    parser.add_argument("--batch", type=int, default=128, help="for train")
    parser.add_argument("--members", type=lambda text: text.split(","), help="only these, for train and play")
    parser.add_argument("--later", type=lambda text: text.split(","), default=[], help="for play: once nothing is left")
    parser.add_argument("--of", choices=PLAYED, default="members", help="what to play")
    parser.add_argument("--wait", action="store_true", help="for members in training, before playing ends")
    parser.add_argument("--budget", type=int, default=200, help="tasks of each dimension, for play")
    parser.add_argument("--unperturbed", type=int, help="for play: so many unperturbed tasks, where fewer are wanted")
    options = parser.parse_args()
    if options.piece == "draw" and options.recorded is None:
        parser.error("draw needs --recorded")
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    sys.exit(PIECES[options.piece](work, options))


if __name__ == "__main__":
    main()
