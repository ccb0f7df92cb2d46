"""Which broken checkpoints the gates notice, and in how many episodes: ``python -m training.gates FOLDER --budget 12``.

Every fault is a model of its own in a ``pyproject.toml`` written to FOLDER, as a user would write it, and the packaged
suite is played with it against the packaged policy's baseline. Prints a row of a markdown table for each.

``--recorded`` plays nothing: what the gates say of the intact policy by its recorded outcomes, and of the faults that
solve no task at all, each in the order of its own checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_robustplus.baselines import Baselines
from pytest_robustplus.benchmarks.libero_plus.tasks import tasks
from pytest_robustplus.evaluation.gates import gates
from pytest_robustplus.evaluation.population import Population
from pytest_robustplus.options import Settings
from pytest_robustplus.perturbations import Dimension
from pytest_robustplus.statistics.order import order, order_seed
from training.faults import FILES, PACKAGED, write

_ROOT = Path(__file__).parent.parent
_RECORDED = _ROOT / "baselines" / "reference.toml"
_BENCHMARK = "libero_plus"
_WORDS = {
    "sound": "nothing",
    "flip": "pictures not turned",
    "swap": "cameras exchanged",
    "no_state": "proprioception all zeros",
    "twice": "every chunk played twice",
    "int8": "weights and activations in eight bits",
    "noise5": "every weight off by 5 % of itself",
    "noise10": "by 10 %",
    "noise20": "by 20 %",
}
# Of the others the packaged policy solves too few tasks for a cell of so few episodes to be able to fail.
_DIMENSIONS = ("robot", "language", "noise", "layout")


def project(folder: Path) -> str:
    """The tables of ``pyproject.toml``: each model like ``reference`` but for its fault."""
    tables = []
    for fault in _WORDS:
        table = f'[tool.robustplus.model.{fault}]\nlike = "reference"\n'
        if fault in FILES:
            table += f'policy = "onnx:{folder / f"reference+{fault}.onnx"}"\n'
        elif fault == "flip":
            table += f"[tool.robustplus.model.{fault}.profile.libero_plus.flip]\n"
            table += 'agentview = "none"\nwrist = "none"\n'
        elif fault != "sound":
            table += f'policy = "python:training.faults:{fault}"\n'
        tables.append(table)
    return "\n".join(tables)


def play(folder: Path, fault: str, dimensions: Sequence[str], budget: int, workers: int) -> str:
    """Check and play one fault; returns its row: what the checks said, then each cell's verdict and episodes."""
    report = folder / f"{fault}.json"
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(folder / "libero_plus"),
        "-p",
        "no:cacheprovider",
        "-n",
        str(workers),
    ]
    command += [f"--robust-model={fault}", f"--robust-budget={budget}", f"--robust-ledger={folder / 'gates.sqlite'}"]
    command += [f"--robust-perturbation={','.join(dimensions)}", f"--robust-json={report}"]
    command.append(f"--robust-baseline={_RECORDED}")
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    (folder / f"{fault}.log").write_text(done.stdout + done.stderr)
    caught = [
        line.split("[")[1].split("]")[0]
        for line in done.stdout.splitlines()
        if line.startswith("FAILED") and "preflight" in line
    ]
    cells = {cell["dimension"]: cell for cell in json.loads(report.read_text())["cells"]}
    found = [_cell(cells[name]) if name in cells else "–" for name in dimensions]
    return f"| {_WORDS[fault]} | {', '.join(caught) or 'pass'} | {' | '.join(found)} |"


def recorded(fault: str, dimensions: Sequence[str], budget: int) -> str:
    """The row of a fault whose outcomes are known without playing: those on record, or none that succeeds."""
    listed = tasks()
    known = Baselines.load((_RECORDED,), {_BENCHMARK: listed})
    # As the transport and the faults name them.
    checkpoint = f"onnx-{hashlib.sha256(PACKAGED.read_bytes()).hexdigest()[:12]}" if fault == "sound" else fault
    found = []
    for dimension in map(Dimension, dimensions):
        baseline = known.find("reference", _BENCHMARK, dimension)
        assert baseline is not None
        assert baseline.outcomes is not None
        own = {task.name: task for task in listed if task.name in baseline.outcomes and task.dimension is dimension}
        key = {"benchmark": _BENCHMARK, "dimension": str(dimension), "checkpoint": checkpoint}
        ordered = [own[list(own)[place]] for place in order(list(own), **key)[:budget]]
        population = Population(tuple(ordered), len(own), len(own), order_seed(**key), len(own))
        asked, _ = gates([baseline], population, Settings(), len(dimensions))
        outcomes = [fault == "sound" and baseline.outcomes[task.name] for task in ordered]
        if not asked:
            found.append("could not fail")
            continue
        asked[0].update(outcomes)
        assert asked[0].decision is not None
        played, verdict = asked[0].decision
        found.append(
            f"{verdict} {sum(outcomes[:played])}/{played}, needs {asked[0].planned.plan.needed} of {len(outcomes)}"
        )
    return f"| {_WORDS[fault]} | – | {' | '.join(found)} |"


def _cell(cell: dict[str, object]) -> str:
    return f"{cell['state']} {cell['successes']}/{cell['played']}" if "played" in cell else "not played"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", type=int, default=12, help="episodes a cell at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dimensions", nargs="+", default=list(_DIMENSIONS))
    parser.add_argument("--faults", nargs="+", choices=_WORDS, default=list(_WORDS))
    parser.add_argument("--recorded", action="store_true", help="by recorded outcomes, without a simulator")
    options = parser.parse_args()
    head = f"| fault | checks | {' | '.join(options.dimensions)} |\n|---|---|{'---|' * len(options.dimensions)}"
    if options.recorded:
        print(head)
        for fault in ("sound", "swap", "no_state", "twice"):
            print(recorded(fault, options.dimensions, options.budget))
        return
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_ROOT / "suites" / "libero_plus", folder / "libero_plus", dirs_exist_ok=True)
    shutil.copy(PACKAGED, folder / "reference.onnx")
    write(folder, "reference")
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{project(folder)}")
    print(head)
    for fault in options.faults:
        print(play(folder, fault, options.dimensions, options.budget, options.workers), flush=True)


if __name__ == "__main__":
    main()
