"""The study's outcomes: paired, in the order of their comparison, from a ledger and from the earlier run's table."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

from ledger_samples import KEY, make_episode

from pytest_robustplus.benchmarks.libero_generated.tasks import tasks
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.ledger.records import COMPARISON
from pytest_robustplus.perturbations import PERTURBATIONS, Dimension
from pytest_robustplus.policies.cards import card_from_mapping, load_cards
from pytest_robustplus.statistics.order import ranked
from study.make import INT8, MEMBERS, OTHER_STEPS, PLAYED, card
from study.report import BENCHMARK, DIMENSIONS, load, page
from training.words import SUITES

ROOT = Path(__file__).parents[2]


def test_both_runs_are_read_as_the_page_prints_them() -> None:
    for name, members, prefixes in (
        ("outcomes.csv", 13, [200] * 7 + [60]),
        ("outcomes_first.csv", 11, [14, 14, 15, 16, 14, 14, 6, 28]),
    ):
        played = load(ROOT / "study" / name)
        assert len(played.core) == members
        shared = [played.shared(played.core, *streams) for streams in (*((d,) for d in DIMENSIONS), SUITES)]
        assert [len(tasks) for tasks in shared] == prefixes


def test_every_table_of_the_page_is_what_the_committed_outcomes_say() -> None:
    timings, facts = (json.loads((ROOT / "study" / name).read_text()) for name in ("timings.json", "training.json"))
    made = page(load(ROOT / "study" / "outcomes.csv"), timings, facts)
    tables = [part for part in made.split("\n\n") if part.startswith("|")]
    assert len(tables) == 13
    written = (ROOT / "docs" / "explanation" / "study.md").read_text()
    assert [table for table in tables if table.strip() not in written] == []


def test_a_ledger_is_read_in_the_order_of_its_comparison_up_to_the_first_gap(tmp_path: Path) -> None:
    own = [t for t in tasks() if t.dimension is Dimension.CAMERA and t.suite in SUITES]
    order = [own[place].name for place in ranked([t.name for t in own], "seed")]
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.begin_run("run", command="pytest", versions={})
        for model, positions in {"vla-0": (0, 1, 2, 4), "joint-0": (0, 1, 3, 4)}.items():
            key = replace(KEY, model=model, benchmark=BENCHMARK, dimension="camera", population=f"{COMPARISON}{model}")
            audit = ledger.open_audit(key, run="run", total=len(own), order_seed="seed").id
            for position in positions:
                made = make_episode(position, task=order[position], success=position == 0)
                ledger.record(audit, position, made)
    played = load(path)
    assert played.shared(["vla-0", "joint-0"], "camera") == order[:2]
    assert played.outcomes["joint-0"][order[0]] is True
    assert played.outcomes["joint-0"][order[1]] is False
    assert played.severities[order[0]] in range(1, 6)


def test_the_dimensions_are_those_of_the_benchmark() -> None:
    assert set(DIMENSIONS) == {str(d) for d in PERTURBATIONS}


def test_every_file_that_is_played_has_a_card() -> None:
    exported = {*MEMBERS, *(f"{m}@{n}" for m, several in OTHER_STEPS.items() for n in several)}
    exported |= {f"{m}+int8" for m in INT8}
    cards = load_cards()
    for name in {name.partition("~")[0] for names in PLAYED.values() for name in names}:
        assert name in exported
        ((named, table),) = tomllib.loads(card(name))["tool"]["robustplus"]["model"].items()
        made = card_from_mapping(named, table, cards)
        assert made.name == name
        if "@" in name:
            assert made.denoising_steps == name.partition("@")[2]
        assert made.family == {"v": "vla", "f": "vla", "j": "wam", "i": "wam", "h": "hybrid"}[name[0]]


def test_the_bound_is_reckoned_for_the_budget_that_is_played() -> None:
    makefile, script = ((ROOT / name).read_text() for name in ("Makefile", "perf/study.py"))
    each, plain = re.findall(r"^STUDY_BUDGET \?= (\d+),original=(\d+)$", makefile, re.M)[0]
    assert f"MEMBERS * (7 * {each} + {plain})" in script
