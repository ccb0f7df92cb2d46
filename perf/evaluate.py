"""What ``make evaluate`` takes and says, after installation: a newcomer's first run.

Plays its first command with a ledger and a JSON file of its own. Bounds: 6 minutes on two cores, told by the processor
time of all its processes, so that a machine's other work does not count; 120 episodes; 90 % of the workers' wall-clock
in simulators: in those of episodes, and in the pre-flight checks, which do nothing but run them; camera decided; all
seven dimensions with both rates and an interval for the difference; no answer that its pairs cannot carry.

``python perf/evaluate.py [--record] [PYTEST OPTION…]``, such as ``--robust-budget=20``; exits 1 when a bound is missed.
``--record`` plays the second command, too, and writes what both print into README.md, and the page as a picture into
docs/pictures where chromium is installed.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pytest_robustplus.perturbations import PERTURBATIONS

ROOT = Path(__file__).parents[1]
CORES = 2
MOST_MINUTES = 6.0
FEWEST_EPISODES = 120
LEAST_SHARE = 0.9
RECORD = "--record"


def commands() -> list[list[str]]:
    """The two commands of ``make evaluate``, run by this interpreter."""
    recipe = re.search(
        r"^evaluate:.*\n\t\$\(RUN\)pytest (.*) \$\(ARGS\)\n\t\$\(RUN\)pytest (.*)$",
        (ROOT / "Makefile").read_text(),
        re.MULTILINE,
    )
    assert recipe is not None
    return [
        [sys.executable, "-m", "pytest", *shlex.split(options), "--robust-progress=off"] for options in recipe.groups()
    ]


def play(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as a newcomer's terminal of 80 columns shows it."""
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)


def processor_minutes() -> float:
    """What all finished child processes have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def main() -> None:
    options = [option for option in sys.argv[1:] if option != RECORD]
    first, second = commands()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger, document, page, times = (folder / f for f in ("ledger.sqlite", "run.json", "page.html", "times.xml"))
        own = [f"--robust-ledger={ledger}", f"--robust-json={document}", f"--robust-html={page}", f"--junitxml={times}"]
        begun = time.monotonic()
        run = play([*first, *own, *options])
        wall = time.monotonic() - begun
        minutes = processor_minutes() / CORES
        if not document.exists():
            sys.exit(run.stdout + run.stderr)
        compared = json.loads(document.read_text())["comparisons"]
        with sqlite3.connect(ledger) as database:
            episodes, simulators, policies = database.execute(
                "SELECT count(*), sum(simulator_s), sum(policy_s) FROM episode WHERE success IS NOT NULL"
            ).fetchone()
        checks = checking(times)
        if RECORD in sys.argv:
            record(run.stdout, play([*second, f"--robust-ledger={folder / 'second.sqlite'}"]).stdout, page)
    shares = {"episodes' simulators": simulators, "checks": checks, "policies": policies}
    told = ", ".join(f"{what} {seconds / wall / CORES:.1%}" for what, seconds in shares.items())
    share = (simulators + checks) / wall / CORES
    print("\n".join(map(line, compared)))
    print(f"{episodes} episodes in {wall / 60:.1f} minutes of wall-clock; of the workers' time: {told}")
    camera = next((one for one in compared if one["dimension"] == "camera"), {"answer": "none"})
    missed = [
        what
        for what, holds in {
            f"more than {MOST_MINUTES:g} minutes": minutes <= MOST_MINUTES,
            f"fewer than {FEWEST_EPISODES} episodes": episodes >= FEWEST_EPISODES,
            f"less than {LEAST_SHARE:.0%} in simulators": share >= LEAST_SHARE,
            "camera is not decided": camera["answer"] in ("first", "second"),
            "not every dimension is shown": {one["dimension"] for one in compared} == set(map(str, PERTURBATIONS)),
            "an answer without the pairs for it": all(map(carried, compared)),
        }.items()
        if not holds
    ]
    print("missed: " + ", ".join(missed) if missed else "all bounds hold")
    print(f"{minutes:.1f} minutes of two cores, {share:.1%} of the workers' wall-clock in simulators")
    sys.exit(bool(missed))


def checking(report: Path) -> float:
    """Seconds that the pre-flight checks of a run took, from its JUnit XML."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    return sum(float(case.get("time", 0)) for case in cases if case.get("name", "").startswith("test_preflight"))


def carried(one: dict[str, Any]) -> bool:
    """Whether an answer rests on an interval that says the same, and on at least one task that only one side solved."""
    (gap,) = one["differences"]
    if one["answer"] == "first":
        return bool(gap["lower"] > 0 and gap["first_only"])
    if one["answer"] == "second":
        return bool(gap["upper"] < 0 and gap["second_only"])
    return one["answer"] in ("undecided", "equal")


def record(first: str, second: str, page: Path) -> None:
    """Put what the two commands printed into the README, and a picture of the first one's page beside it."""
    shown = [
        "<!-- evaluate:begin -->",
        "```console",
        "$ make evaluate",
        *part(first, "- reference against", " episodes were needed"),
        *part(second, "- robustness: ", " episodes decided"),
        "The page of the first run: file:///…/evaluate.html",
        "```",
    ]
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- evaluate:begin -->")
    after = rest.partition("<!-- evaluate:end -->")[2]
    block = "\n".join(shown)
    readme.write_text(f"{before}{block}\n<!-- evaluate:end -->{after}", encoding="utf-8")
    if chromium := shutil.which("chromium") or shutil.which("google-chrome"):
        size, picture = "--window-size=1000,1400", ROOT / "docs/pictures/evaluate.png"
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
        subprocess.run(
            [chromium, *arguments, f"--screenshot={picture}", page.as_uri()], capture_output=True, check=True
        )


def part(shown: str, begin: str, end: str) -> list[str]:
    """The table that a run printed, and its last line."""
    lines = [text.rstrip() for text in shown.splitlines()]
    first = next(place for place, text in enumerate(lines) if text.startswith(begin))
    last = next(place for place, text in enumerate(lines) if end in text)
    return ["…", *lines[first : last + 1], "…", next(text for text in reversed(lines) if text).strip("= ")]


def line(one: dict[str, Any]) -> str:
    """One dimension: both rates, the difference with its interval, the answer."""
    first, second = (f"{side['successes']}/{side['played']}" for side in one["sides"])
    (gap,) = one["differences"]
    low, high = (100 * gap[key] / one["total"] for key in ("lower", "upper"))
    return f"{one['dimension']:<11} {first:>6} {second:>6}  [{low:+.0f}, {high:+.0f}]  {one['says']}"


if __name__ == "__main__":
    main()
