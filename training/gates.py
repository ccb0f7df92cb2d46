"""Which broken checkpoints the gates notice, and in how many episodes: ``python -m training.gates FOLDER --budget 12``.

Every fault is a model of its own in a ``pyproject.toml`` written to FOLDER, as a user would write it, and the packaged
suite is played with it against the packaged policy's baseline. Prints a row of a markdown table for each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from training.faults import FILES, PACKAGED, write

_ROOT = Path(__file__).parent.parent
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
    command += ["--robust-perturbation", ",".join(dimensions)]
    command += ["--robust-baseline", str(_ROOT / "baselines" / "reference.toml"), f"--robust-json={report}"]
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


def _cell(cell: dict[str, object]) -> str:
    return f"{cell['state']} {cell['successes']}/{cell['played']}" if "played" in cell else "not played"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", type=int, default=12, help="episodes a cell at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dimensions", nargs="+", default=list(_DIMENSIONS))
    parser.add_argument("--faults", nargs="+", choices=_WORDS, default=list(_WORDS))
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_ROOT / "suites" / "libero_plus", folder / "libero_plus", dirs_exist_ok=True)
    shutil.copy(PACKAGED, folder / "reference.onnx")
    write(folder, "reference")
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{project(folder)}")
    print(f"| fault | checks | {' | '.join(options.dimensions)} |\n|---|---|{'---|' * len(options.dimensions)}")
    for fault in options.faults:
        print(play(folder, fault, options.dimensions, options.budget, options.workers), flush=True)


if __name__ == "__main__":
    main()
