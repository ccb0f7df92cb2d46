"""Members that appear one after the other play the same tasks in one order, and none of them twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from pytest_robustplus.perturbations import DIMENSIONS, Dimension
from study.make import dealt
from study.players import Outcome, Work, ordered, read
from study.report import load, write_table
from training.words import SUITES


def test_the_order_takes_a_task_of_every_dimension_in_turn() -> None:
    first = [task for task, _ in Work(()).open({"vla-0": 2})]
    assert [str(task.dimension) for task in first] == 2 * [str(d) for d in ordered()]
    assert {str(d) for d in DIMENSIONS} == set(ordered())
    assert {task.suite for task in first} <= set(SUITES)


def test_who_comes_late_begins_at_the_first_task() -> None:
    camera = ordered()["camera"]
    work = Work(Outcome("vla-0", task.name, True) for task in camera[:3])
    lacking = {task.name: players for task, players in work.open({"vla-0": 4, "joint-0": 3})}
    assert lacking[camera[0].name] == ["joint-0"]
    assert lacking[camera[2].name] == ["joint-0"]
    assert lacking[camera[3].name] == ["vla-0"]


def test_unperturbed_tasks_have_a_bound_of_their_own() -> None:
    counted = Counter(str(task.dimension) for task, _ in Work(()).open({"vla-0": 7}, 4))
    assert counted == {str(d): 4 if d is Dimension.ORIGINAL else 7 for d in DIMENSIONS}


def test_what_could_not_be_played_is_tried_twice_and_is_no_outcome() -> None:
    task = ordered()["noise"][0]
    work = Work([Outcome("vla-0", task.name, None, error="lost")])
    assert not work.settled("vla-0", task)
    work.take(Outcome("vla-0", task.name, None, error="lost"))
    assert work.settled("vla-0", task)


def test_outcomes_are_read_up_to_a_line_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    made = [Outcome("vla-0", "a", True, 100, 13, 0.2, 1.5), Outcome("vla-0", "b", None, error="lost")]
    whole = "".join(json.dumps(one._asdict()) + "\n" for one in made)
    path.write_text(whole + whole[:20])
    assert read(path) == made
    assert read(tmp_path / "none.jsonl") == []


def test_a_task_that_somebody_could_not_play_counts_for_nobody(tmp_path: Path) -> None:
    names = [task.name for task in ordered()[Dimension.CAMERA][:4]]
    made = [Outcome(player, name, True) for player in ("vla-0", "joint-0") for name in names]
    made[1] = Outcome("vla-0", names[1], None, error="lost")
    # The second try of another was played.
    made.insert(0, Outcome("joint-0", names[2], None, error="lost"))
    (path := tmp_path / "outcomes.jsonl").write_text("".join(json.dumps(one._asdict()) + "\n" for one in made))
    played = load(path)
    assert played.shared(["vla-0", "joint-0"], "camera") == [names[0], *names[2:]]
    write_table(played, table := tmp_path / "outcomes.csv")
    again = load(table)
    assert again.shared(["vla-0", "joint-0"], "camera") == [names[0], *names[2:]]
    assert again.severities == {name: played.severities[name] for name in (names[0], *names[2:])}


def test_groups_go_to_the_card_with_the_fewest_members() -> None:
    groups = [("a", "b", "c"), ("d",), ("e",), ("f", "g")]
    assert dealt(groups, 2) == [[("a", "b", "c")], [("d",), ("e",), ("f", "g")]]
    assert dealt(groups[:1], 2) == [[("a", "b", "c")]]
