"""Results that exist already: into the ledger once, and from there into gates, comparisons and pages."""

from __future__ import annotations

import json

import pytest
from toy import COMPARISON, COUNT, PREFLIGHT, SUITE, Toy

from pytest_robustplus.ledger import Ledger

CAMERA = "--robust-perturbation=camera"
ALL = SUITE + PREFLIGHT + COMPARISON


def table(toy: pytest.Pytester, solved: float, name: str = "old.csv", dimensions: tuple[str, ...] = ("camera",)) -> str:
    """Write the outcomes of a policy of some strength, as somebody's script would have."""
    rows = [
        f"{task.name},{int(float(task.parameters['weight']) < solved)}"
        for task in Toy({}).tasks()
        if task.dimension in dimensions
    ]
    toy.path.joinpath(name).write_text("\n".join(["task,success", *rows]) + "\n")
    return name


def do_import(toy: pytest.Pytester, *files: str, model: str = "old") -> pytest.RunResult:
    chosen = [f"--robust-import={file}" for file in files]
    return toy.runpytest(*chosen, f"--robust-model={model}", "--robust-benchmark=toy", "--robust-ledger=l.sqlite")


def episodes(toy: pytest.Pytester) -> int:
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        return sum(len(ledger.episodes(audit.id)) for audit in ledger.audits())


def test_a_table_becomes_episodes_once(toy: pytest.Pytester) -> None:
    result = do_import(toy, table(toy, 0.5))
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*old.csv: table, unstated", "  unknown: seed, checkpoint, prompt_source", "  camera      50.0 % of 60 tasks"]
    )
    result.stdout.fnmatch_lines([f"{COUNT} episodes of old on Toy Table added to *l.sqlite"])
    assert episodes(toy) == COUNT
    again = do_import(toy, "old.csv")
    again.stdout.fnmatch_lines([f"0 episodes of old on Toy Table added to *, {COUNT} were there before"])
    assert episodes(toy) == COUNT


def test_imported_results_pass_gates_without_a_simulator(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.makepyfile(test_suite=ALL)
    do_import(toy, table(toy, 0.5, dimensions=("camera", "light")))
    monkeypatch.setenv("TOY_DEATHS", str(toy.path / "deaths"))
    toy.path.joinpath("deaths").write_text("1000 any hang")
    arguments = ["--robust-model=recorded:old", "--robust-ledger=l.sqlite", "--robust-json=r.json"]
    toy.makepyprojecttoml(
        '[tool.robustplus.model.mine]\ntitle = "Mine"\nfamily = "own"\nbaseline = "steady"\npolicy = "recorded:old"\n'
        "[tool.robustplus.model.mine.profile.toy]\n"
    )
    red = toy.runpytest(*arguments[1:], "--robust-model=mine", CAMERA)
    red.assert_outcomes(failed=1)
    red.stdout.fnmatch_lines(["* < *%, *: camera of mine on Toy Table", "* of * episodes succeeded*"])
    assert json.loads(toy.path.joinpath("r.json").read_text())
    # Of the lights nothing can be played here, and everything is recorded.
    toy.runpytest(*arguments, "--robust-perturbation=light", "--robust-baseline=none").assert_outcomes(skipped=1)
    other = toy.runpytest(*arguments, "--robust-perturbation=noise")
    other.stdout.fnmatch_lines(
        ["recorded:old: * under noise on Toy Table. It knows *, and of old there camera, light: choose by *"]
    )


def test_a_model_may_bear_the_name_of_the_results_that_it_stands_for(toy: pytest.Pytester) -> None:
    """What was told from them once hid them from then on, and left a ledger in which nothing was recorded any more."""
    toy.makepyfile(test_suite=ALL)
    do_import(toy, table(toy, 0.5))
    toy.makepyprojecttoml('[tool.robustplus.model.old]\nlike = "steady"\npolicy = "recorded:old"\n')
    for model in ("old", "recorded:old"):
        run = toy.runpytest(f"--robust-model={model}", CAMERA, "--robust-ledger=l.sqlite", "--robust-baseline=none")
        run.assert_outcomes(skipped=1)
        run.stdout.fnmatch_lines(["*50.0 %*", f"Of these dimensions' 60 tasks, {COUNT} are recorded."])
    # What is red names no command: nothing was played that could be shown.
    red = toy.runpytest("--robust-model=old", CAMERA, "--robust-ledger=l.sqlite", "--robust-margin=1")
    red.assert_outcomes(failed=1)
    red.stdout.fnmatch_lines(["  failed    */camera_*"])
    red.stdout.no_fnmatch_line("*--robust-replay=*")
    for episode in ("1", "last"):
        shown = toy.runpytest(f"--robust-replay={episode}", "--robust-ledger=l.sqlite")
        shown.stderr.fnmatch_lines(["ERROR: Episode * was not played here: only its outcome is on record*"])
    export = toy.runpytest("--robust-export=o.csv", "--robust-model=old", "--robust-ledger=l.sqlite")
    export.stdout.fnmatch_lines([f"{COUNT} episodes written to *"])
    misspelt = toy.runpytest("--robust-export=o.csv", "--robust-model=old", "--robust-ledger=m.sqlite")
    misspelt.stderr.fnmatch_lines(["*m.sqlite: there is no such file*"])
    assert not (toy.path / "m.sqlite").exists()


def test_imported_results_are_compared_with_a_live_policy(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=ALL)
    do_import(toy, table(toy, 0.3))
    result = toy.runpytest(CAMERA, "--robust-compare=strong,recorded:old", "--robust-ledger=l.sqlite")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["camera*strong is better"])


def test_another_outcome_under_the_same_name_is_refused(toy: pytest.Pytester) -> None:
    do_import(toy, table(toy, 0.5))
    other = do_import(toy, table(toy, 0.6, "other.csv"))
    assert other.ret == pytest.ExitCode.USAGE_ERROR
    other.stderr.fnmatch_lines(["*6 tasks, * among them, came out differently in what *l.sqlite holds of old already*"])
    assert episodes(toy) == COUNT
    assert do_import(toy, "other.csv", model="other").ret == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--robust-import=nothing.csv", "--robust-model=old"], "*there is no such file*"),
        (["--robust-import=bad.csv", "--robust-model=old"], "*no trial is of a task that Toy Table lists*"),
        (["--robust-import=bad.csv"], "*name it by --robust-model=NAME*"),
        (["--robust-import=bad.csv", "--robust-model=a,b"], "*name it by --robust-model=NAME*"),
    ],
)
def test_what_cannot_be_imported_leaves_the_ledger_alone(toy: pytest.Pytester, arguments: list[str], said: str) -> None:
    toy.path.joinpath("bad.csv").write_text("task,success\nleft/nothing_1,1\n")
    result = toy.runpytest(*arguments, "--robust-benchmark=toy", "--robust-ledger=l.sqlite")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert "Traceback" not in result.stderr.str()


def test_an_import_becomes_an_accepted_file_that_claims_nothing_it_does_not_know(toy: pytest.Pytester) -> None:
    toy.makepyfile(test_suite=ALL)
    do_import(toy, table(toy, 0.5))
    arguments = ["--robust-model=recorded:old", "--robust-baseline=none", "--robust-ledger=l.sqlite"]
    toy.runpytest(CAMERA, *arguments, "--robust-accept=old.toml").assert_outcomes(skipped=1)
    text = toy.path.joinpath("old.toml").read_text()
    assert 'prompt_source = "unstated"' in text
    assert "env_seed" not in text
    assert 'format = "table"' in text
