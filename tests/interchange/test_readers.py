"""Files of other tools: shapes as their own code writes them, broken ones refused, nothing guessed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from pytest_robustplus.benchmarks.libero_plus.benchmark import LiberoPlus
from pytest_robustplus.errors import BadInputError
from pytest_robustplus.interchange import Directory, place, read
from pytest_robustplus.perturbations import Dimension

BENCHMARK = LiberoPlus({})
DIRECTORY = Directory(BENCHMARK.tasks(), lambda task: BENCHMARK.instruction(task, "task_language"))
LISTED = [task for task in BENCHMARK.tasks() if task.suite == "libero_object"]
PERTURBED = [task for task in LISTED if task.dimension is not Dimension.ORIGINAL]
CAMERA, LANGUAGE = PERTURBED[646], PERTURBED[1042]
WORDS = "pick up the alphabet soup and place it in the basket"


def lerobot(*tasks: tuple[int, list[bool]], suite: str = "libero_object") -> str:
    per_task = [
        {"task_group": suite, "task_id": number, "metrics": {"sum_rewards": [0.0], "successes": successes}}
        for number, successes in tasks
    ]
    return json.dumps({"per_task": per_task, "per_group": {}, "overall": {"pc_success": 50.0}})


def vla_eval(*episodes: dict, task: str, benchmark: str = "LIBEROPlusBenchmark_libero_object") -> str:
    tasks = [{"task": task, "episodes": list(episodes), "num_episodes": len(episodes)}]
    return json.dumps({"benchmark": benchmark, "mode": "sync", "harness_version": "0.8.0", "tasks": tasks})


def words(task) -> str:
    return BENCHMARK.instruction(task, "task_language")


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes, name: str = "results"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_lerobot_numbers_the_tasks_of_a_suite(write):
    found = read(write(lerobot((646, [True]), (1042, [False, True]))))
    placed = place(found, DIRECTORY)
    assert {name: trial.success for name, trial in placed.outcomes.items()} == {CAMERA.name: True, LANGUAGE.name: False}
    assert placed.repeats == 1
    assert "seeds" in found[0].unknown


def test_small_numbers_may_be_of_either_list_and_are_not_guessed(write):
    found = read(write(lerobot((3, [True, False]))))
    (reason,) = place(found, DIRECTORY).strangers
    assert "--robust-perturbation" in reason
    assert place(found, DIRECTORY, unperturbed=False).outcomes.keys() == {PERTURBED[3].name}
    (reason,) = place(found, DIRECTORY, unperturbed=True).strangers
    assert "not known here: give a CSV with their names" in reason


def test_vla_eval_errors_are_no_failures(write):
    lost = {"episode_id": 0, "metrics": {"success": False}, "suite": "libero_object", "task_id": 646}
    lost |= {"failure_reason": "env_start"}
    placed = place(read(write(vla_eval(lost, task=words(CAMERA)))), DIRECTORY)
    assert (placed.errors, placed.outcomes) == (1, {})


def test_vla_eval_number_and_words_must_agree(write):
    episode = {"episode_id": 0, "metrics": {"success": True}, "suite": "libero_object", "task_id": 646, "steps": 12}
    placed = place(read(write(vla_eval(episode, task=words(CAMERA)))), DIRECTORY)
    assert placed.outcomes[CAMERA.name].steps == 12
    (reason,) = place(read(write(vla_eval(episode, task=words(LANGUAGE)))), DIRECTORY).strangers
    assert "another version of the list" in reason


def test_vla_eval_on_plain_libero_is_about_original_tasks(write):
    episodes = [
        {"episode_id": n, "metrics": {"success": n != 1}, "suite": "libero_object", "task_id": 0} for n in range(3)
    ]
    text = vla_eval(*episodes, task=WORDS, benchmark="LIBEROBenchmark_libero_object")
    placed = place(read(write(text)), DIRECTORY)
    base = "libero_object/" + WORDS.replace(" ", "_")
    found = {name: trial.success for name, trial in placed.outcomes.items()}
    assert found == {f"{base}#0": True, f"{base}#1": False, f"{base}#2": True}


def test_the_last_try_in_a_record_of_vla_eval_counts(write, tmp_path):
    path = tmp_path / "recording-1.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(
            """CREATE TABLE eval_metadata (eval_id TEXT PRIMARY KEY, safe_name TEXT, metadata TEXT);
            CREATE TABLE episode_results (sid TEXT, eid TEXT, eval_id TEXT, task_name TEXT, episode_id INTEGER,
                status TEXT, metrics TEXT, steps INTEGER, elapsed_sec REAL, context TEXT, jsonl_path TEXT,
                failure_reason TEXT, failure_detail TEXT, PRIMARY KEY (sid, eid))"""
        )
        metadata = {"benchmark": "LIBEROPlusBenchmark", "harness_version": "0.8.0", "config": {"params": {"seed": 7}}}
        database.execute("INSERT INTO eval_metadata VALUES ('e', 'x', ?)", (json.dumps(metadata),))
        context = json.dumps({"suite": "libero_object", "task_id": 646, "task_idx": 0})
        for eid, success, reason in (("1", False, "timeout"), ("2", True, None)):
            row = (
                "s",
                eid,
                "e",
                words(CAMERA),
                0,
                "x",
                json.dumps({"success": success}),
                9,
                1.0,
                context,
                None,
                reason,
            )
            database.execute("INSERT INTO episode_results VALUES (?,?,?,?,?,?,?,?,?,?,?,?,NULL)", row)
    (found,) = read(path)
    placed = place([found], DIRECTORY)
    assert placed.outcomes[CAMERA.name].success is True
    assert placed.outcomes[CAMERA.name].seed == 7
    assert (found.version, placed.errors) == ("0.8.0", 0)


def log(*episodes: tuple[str, bool, str], suite: str = "libero_object", prefix: str = "") -> str:
    lines, solved = [f"Task suite: {suite}"], 0
    for number, (task, success, error) in enumerate(episodes, start=1):
        solved += success
        lines += ["", f"Task: {task}", f"Starting episode {number}..."]
        lines += [f"Caught exception: {error}"] if error else []
        lines += [f"Success: {success}", f"# episodes completed so far: {number}", f"# successes: {solved} (0.0%)"]
    return "\n".join(prefix + line for line in lines)


@pytest.mark.parametrize("prefix", ["", "11/28 12:00:00 [INFO] main.py:12 >> ", "\x1b[32mINFO\x1b[0m:root:"])
def test_openvla_style_logs(write, prefix):
    text = log(
        (words(CAMERA), True, ""), (words(LANGUAGE), False, ""), (words(PERTURBED[700]), False, "EGL"), prefix=prefix
    )
    placed = place(read(write(text)), DIRECTORY)
    assert {name: trial.success for name, trial in placed.outcomes.items()} == {CAMERA.name: True, LANGUAGE.name: False}
    assert placed.errors == 1


def test_a_log_with_lines_missing_is_refused(write):
    lines = log((words(CAMERA), True, ""), (words(LANGUAGE), True, "")).split("\n")
    lines.remove("Success: True")
    with pytest.raises(BadInputError, match="counts 1 episodes so far, and the lines above tell of 0"):
        read(write("\n".join(lines)))


def test_robotwin_logs_tell_outcomes_by_their_running_totals(write):
    head = "\x1b[93mbeat_block_hammer\x1b[0m | \x1b[94mACT\x1b[0m | \x1b[92mdemo_clean\x1b[0m | \x1b[91mckpt\x1b[0m"
    text = "\n".join(
        f"{head}\nSuccess rate: \x1b[96m{s}/{n}\x1b[0m => \x1b[95m0%\x1b[0m, current seed: \x1b[90m{10000 + n}\x1b[0m\n"
        for s, n in ((1, 1), (1, 2), (2, 3))
    )
    (found,) = read(write(text))
    assert [trial.success for trial in found.trials] == [True, False, True]
    assert [trial.name for trial in found.trials] == [f"beat_block_hammer/demo_clean#{n}" for n in range(3)]
    assert found.trials[1].seed == 10002
    with pytest.raises(BadInputError, match="counts 2 of 3 episodes after 0 of 0"):
        read(write(text.split("\n\n")[2]))


def test_robotwin_results_are_rates_of_a_hundred(write, tmp_path):
    place_ = "eval_result/beat_block_hammer/ACT/demo_clean/ckpt/2026-11-01 10:00:00/_result.txt"
    write("Timestamp: 2026-11-01 10:00:00\n\nInstruction Type: unseen\n\n0.45", place_)
    (found,) = read(tmp_path / "eval_result")
    assert found.aggregates == (("beat_block_hammer/demo_clean", 45, 100),)
    assert found.facts["policy"] == "ACT"


# What upstream's own loops wrote of an episode that succeeds, one that fails, and one that raises where they catch it:
# openvla-oft 213c5ff, starVLA 0ed0aad, RoboTwin cf47ab5 (one by one and in a batch), RoboTwin 2.0-Plus 8f07761, RLinf
# a3816b5. Made by tests/conformance/upstream/results.py --keep, less the frames of tracebacks.
LOGS = Path(__file__).with_name("logs")


@pytest.mark.parametrize(
    ("name", "last", "error"),
    [
        ("openvla_oft", None, "the renderer was lost"),
        ("starvla", False, ""),
        ("robotwin", None, "ConnectionError: the policy's server went away"),
        ("robotwin_batch", None, "ConnectionError: the policy's server went away"),
        ("robotwin_plus", False, ""),
    ],
)
def test_what_upstreams_loops_write(name, last, error):
    (found,) = read(LOGS / f"{name}.log")
    assert [trial.success for trial in found.trials] == [True, False, last]
    assert [trial.error for trial in found.trials] == ["", "", error]
    if name.startswith("robotwin"):
        assert [trial.seed for trial in found.trials] == [100000, 100001, 100002]
    else:
        placed = place([found], DIRECTORY)
        assert [*placed.outcomes][:2] == [PERTURBED[248].name, CAMERA.name]
        assert not placed.strangers


def test_rlinf_tells_one_rate_of_all_trajectories(write):
    (found,) = read(LOGS / "rlinf.log")
    assert (found.trials, found.aggregates) == ((), (("all trajectories", 1, 3),))
    with pytest.raises(BadInputError, match=r"tells a rate .* not of how many"):
        read(write("INFO {'eval/success_once': 0.5}"))


@pytest.mark.parametrize("head", ["Language Mode: r1", "Instruction Type: seen\n\nBatch Workers: 2\nSkipped Seeds: 3"])
def test_robotwin_results_of_every_kind(write, head):
    deep = "eval_result/beat_block_hammer/ACT/demo_clean/runs/last/2026-11-01_10-00-00_000001/_result.txt"
    (found,) = read(write(f"Timestamp: 2026-11-01\n\n{head}\n\n0.45", deep))
    assert found.aggregates == (("beat_block_hammer/demo_clean", 45, 100),)
    assert found.facts["checkpoint"] == "runs/last"
    with pytest.raises(BadInputError, match="the rate of another number of episodes than 100"):
        read(write("Timestamp: now\n\nInstruction Type: seen\n\n0.3333333333333333", deep))


def test_tables_say_the_task_and_the_outcome(write):
    text = f"task,success,seed\n{CAMERA.name},True,3\n{LANGUAGE.name},0,\nlibero_object/no_such_task,1,\n"
    placed = place(read(write(text, "a.csv")), DIRECTORY)
    assert {name: trial.success for name, trial in placed.outcomes.items()} == {CAMERA.name: True, LANGUAGE.name: False}
    assert placed.outcomes[CAMERA.name].seed == 3
    assert placed.strangers == {"the benchmark lists no such task": ["libero_object/no_such_task"]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x", b"", "it is empty"),
        ("x.json", b'{"per_task": [', "no whole JSON document"),
        ("x.json", b'{"loss": 1}', "of no tool that is known"),
        ("x.json", b'{"per_task": [{"task_group": 3}]}', r"per_task\[0\].task_group is int"),
        ("x.json", b'{"per_episode": [], "aggregated": {}}', "does not name the task"),
        ("x.json", b'{"per_task": []}', "no episode is told of"),
        ("x", b"\xff\xfe\x00", "it is no text"),
        ("x", b"hello", "of no tool that is known"),
        ("x.csv", b"name,outcome\na,1\n", "columns task and success are needed, and there are name, outcome"),
        ("x.csv", b"task,success\na,maybe\n", "row 2: success is 'maybe'"),
        ("x.csv", b"task,success\na\n", "row 2 does not have as many fields"),
        ("x.csv", b"task,success,seed\na,1,x\n", "seed is 'x'"),
        ("x.sqlite", b"SQLite format 3\x00" + b"\x00" * 100, "cannot be read"),
        ("_result.txt", b"Timestamp: now\n\nhalf", "'half' is no success rate"),
    ],
)
def test_a_broken_file_gets_one_paragraph(write, name, content, said):
    with pytest.raises(BadInputError, match=said) as raised:
        read(write(content, name))
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInputError, match="no such file"):
        read(tmp_path / "nothing")
    with pytest.raises(BadInputError, match="this folder holds no result"):
        read(tmp_path)
