"""Every wrong input gives one readable paragraph: what, where, and what to do."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from toy import LATENCY, SUITE

from pytest_robustplus.errors import BadInputError
from pytest_robustplus.ledger import Ledger
from pytest_robustplus.options import read_settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--robust-model=staedy"], "*Unknown model 'staedy' (from --robust-model). Did you mean 'steady'?*"),
        (["--robust-perturbation=camara"], "*Unknown perturbation 'camara'*Did you mean 'camera'?*"),
        (["--robust-suite=lefty"], "*Unknown suite 'lefty'*Did you mean 'left'?*"),
        (["--robust-budget=0"], "*--robust-budget '0': must be a whole number of at least 1.*"),
        (["--robust-budget=many"], "*--robust-budget 'many': must be a whole number of at least 1.*"),
        (["--robust-margin=120"], "*--robust-margin '120': must be percentage points*"),
        (
            ["--robust-margin=0.05"],
            "*--robust-margin '0.05': looks like a fraction*percentage points; write 5 for 0.05.*",
        ),
        (["--robust-alpha-pass=0"], "*--robust-alpha-pass '0': must lie strictly between 0 and 1.*"),
        (["--robust-protocol=prompt"], "*--robust-protocol 'prompt' is not of the form KEY=VALUE*"),
        (["--robust-progress=loud"], "*--robust-progress 'loud': must be auto or off.*"),
        (["--robust-model=steady,strong", "--robust-policy=zero"], "*--robust-policy says how to reach one model*"),
        (["--robust-replay=17"], "*there is no such file*"),
    ],
)
def test_usage_errors_exit_with_pytests_usage_code(toy: pytest.Pytester, arguments: list[str], message: str) -> None:
    result = toy.runpytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_an_unknown_model_is_told_apart_from_a_policy_without_a_card(toy: pytest.Pytester) -> None:
    """Two dozen names in alphabetical order once stood where the nearest belong."""
    result = toy.runpytest("--robust-model=my_policy.py")
    (said,) = [line for line in result.errlines if line]
    assert "--robust-models lists them" in said
    assert "such as python:my_policy:Policy" in said
    assert len(re.findall(r"the nearest: ([^.]*)\.", said)[0].split(", ")) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suites/libero_plus"], "There is no suites/libero_plus in *--pyargs pytest_robustplus.suites.libero_plus"),
        (["suites/test_fuzz.py::test_holds"], "There is no suites/test_fuzz.py in *pytest_robustplus.suites.test_fuzz"),
        (["suites/liberoplus"], "Unknown suite of this package 'liberoplus'*Did you mean 'libero_plus'?*"),
        (
            ["--pyargs", "pytest_robustplus.suites.libero"],
            "Unknown suite of this package 'libero' (from pytest_robustplus.suites.libero)*libero_plus*",
        ),
    ],
)
def test_a_suite_of_the_package_is_no_file_of_theirs(
    pytester: pytest.Pytester, arguments: list[str], message: str
) -> None:
    result = pytester.runpytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    (pytester.path / "suites").mkdir()
    if arguments == ["suites/liberoplus"]:
        result = pytester.runpytest(*arguments)
        result.stderr.fnmatch_lines(["ERROR: file or directory not found: suites/liberoplus"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tool.robustplus]\nmodles = ["steady"]\n', "*Unknown key 'modles'*Did you mean 'models'?*"),
        ('[tool.robustplus.models.mine]\nlike = "pi05"\n', "*without the s: [[]tool.robustplus.model.mine[]].*"),
        ("[tool.robustplus.budget]\ncamera = 3\n", "*budget is a value, N*, not a table.*"),
        ('[tool.robustplus]\nmodel = "steady"\n', "*must hold a table per model of your own*"),
    ],
)
def test_a_bad_pyproject_names_itself(pytester: pytest.Pytester, text: str, message: str) -> None:
    pytester.makepyprojecttoml(text)
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_profile_for_a_benchmark_that_there_is_not_is_refused(toy: pytest.Pytester) -> None:
    toy.makepyprojecttoml('[tool.robustplus.model.mine]\npolicy = "zero"\nprofile.some_table.replan = 4\n')
    result = toy.runpytest("--robust-model=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Unknown benchmark 'some_table'*model.mine.profile.some_table*"])


def test_depth_of_a_benchmark_that_measures_none_is_refused(toy: pytest.Pytester) -> None:
    toy.makepyprojecttoml(
        '[tool.robustplus.model.mine]\npolicy = "zero"\n'
        '[tool.robustplus.model.mine.profile.toy]\ncameras = ["front"]\ndepth = ["front"]\n'
    )
    result = toy.runpytest("--robust-model=mine")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*mine is to see the depth of front, but Toy Table measures none. Leave depth out of*"]
    )


@pytest.mark.parametrize(("place", "table"), [("pyproject.toml", "[tool.pytest]"), ("pytest.toml", "[pytest]")])
def test_numbers_of_pytests_own_toml_are_taken_as_they_are(toy: pytest.Pytester, place: str, table: str) -> None:
    if pytest.version_tuple < (9,):
        pytest.skip("pytest reads TOML with its types from 9 on")
    # What pytest would not read beside it is refused.
    toy.path.joinpath("tox.ini").unlink()
    toy.path.joinpath(place).write_text(f"{table}\nrobust_budget = 4\nrobust_margin = 7.5\n")
    settings = read_settings(toy.parseconfigure("-p", "no:terminal"))
    assert (settings.budget, settings.margin) == (4, 0.075)


def test_a_benchmark_that_is_not_installed_does_not_stop_the_others(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        conftest="""
        from toy import Toy, pytest_robustplus_benchmarks as toys, pytest_robustplus_models
        from pytest_robustplus.errors import BadInputError

        class Absent(Toy):
            name = "absent"

            def tasks(self):
                raise BadInputError("Absent Table is not installed.")

        def pytest_robustplus_benchmarks(settings):
            return [*toys(settings), Absent(settings.protocol)]
        """
    )
    toy.runpytest("--robust-model=steady").assert_outcomes(passed=2)


IMPOSSIBLE = [
    (SUITE.replace("toy", "toi"), "-v", "Unknown benchmark 'toi'*Did you mean 'toy'?*"),
    (SUITE.replace('("toy")', ""), "-v", "@pytest.mark.robustness(): the mark takes the name of one benchmark*"),
    (SUITE.replace('"toy"', "'toy', 7"), "-v", "@pytest.mark.robustness('toy', 7): the mark takes the name of *"),
    (SUITE, "--robust-perturbation=robot", "Toy Table has none of the dimensions robot. Choose others by *"),
    (LATENCY, "--robust-baselines=broken.toml", "*broken.toml is not valid TOML: *Correct it, or leave it out."),
    (SUITE, "--robust-baseline=broken.toml", "*broken.toml is not valid TOML: *Correct it, or leave it out."),
]


@pytest.fixture
def broken(toy: pytest.Pytester) -> pytest.Pytester:
    toy.path.joinpath("broken.toml").write_text("[[table")
    return toy


# The first is found as tests get their parameters, the last once all are chosen.
@pytest.mark.everywhere
@pytest.mark.parametrize(("suite", "argument", "message"), [IMPOSSIBLE[0], IMPOSSIBLE[-1]])
def test_what_only_collecting_finds_impossible_is_said_once(
    broken: pytest.Pytester, suite: str, argument: str, message: str
) -> None:
    broken.makepyfile(test_suite=suite)
    result = broken.runpytest("--robust-model=steady", argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = [line for line in result.errlines if line]
    assert len(said) == 1
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    result.stdout.no_fnmatch_line("INTERNALERROR*")
    result.stdout.fnmatch_lines(["*no tests ran in*"])


@pytest.mark.parametrize(("suite", "argument", "message"), IMPOSSIBLE[1:-1])
def test_whatever_cannot_be_asked_is_refused(broken: pytest.Pytester, suite: str, argument: str, message: str) -> None:
    broken.makepyfile(test_suite=suite)
    result = broken.runpytest("--robust-model=steady", argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == result.errlines[:1]
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("//gpu1:8000", "Unknown policy scheme 'ws'*Write how the server is spoken to*such as openpi:ws://gpu1:8000*"),
        ("toy:Nan", "Strong, call 1, answered nan at step 0, component 0*Nothing was sent to the simulator*"),
        ("toy:Wide", "Strong, call 1, answered an array of shape (4, 7); an action chunk has shape (steps, 2)*"),
        ("toy:Raises", "*The policy failed in *: ValueError: CUDA error: out of memory*"),
        ("toy:NoPolicy", "*has no method act(observations)*"),
        ("toy:Stedy", "*Unknown attribute of toy 'Stedy'*Did you mean 'Steady'?*"),
        ("no_such_module:Policy", "*Cannot import 'no_such_module'*pythonpath*"),
        ("toy", "*is not of the form python:module:attribute*"),
    ],
)
def test_a_policy_at_fault_is_an_error_and_never_a_failed_episode(
    toy: pytest.Pytester, policy: str, message: str
) -> None:
    scheme = "ws" if policy.startswith("//") else "python"
    arguments = ["--robust-model=strong", f"--robust-policy={scheme}:{policy}", "--robust-perturbation=camera"]
    result = toy.runpytest(*arguments, "--robust-ledger=l.sqlite")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    # A traceback only of what the policy's own code raised.
    assert ("Traceback" in result.stdout.str()) == (policy == "toy:Raises")


@pytest.mark.everywhere
def test_a_passing_fault_of_the_simulator_is_retried_once(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faults = tmp_path / "faults"
    faults.write_text("1")
    monkeypatch.setenv("TOY_FAULTS", str(faults))
    toy.runpytest("--robust-model=steady", "--robust-perturbation=camera").assert_outcomes(passed=1)


def test_a_lasting_fault_is_an_error_and_nothing_recorded_is_lost(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pytest_robustplus.ledger import Ledger

    faults = tmp_path / "faults"
    monkeypatch.setenv("TOY_FAULTS", str(faults))
    arguments = ["--robust-model=steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite"]
    faults.write_text("2")
    result = toy.runpytest(*arguments)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Resetting the scene failed in *: RuntimeError: the physics exploded*"])
    toy.runpytest(*arguments).assert_outcomes(passed=1)
    with Ledger.open(toy.path / "l.sqlite", create=False) as ledger:
        tries = [episode for audit in {a.id for a in ledger.audits()} for episode in ledger.episodes(audit)]
    assert sum(1 for stored in tries if stored.record.error) == 2
    assert all(stored.record.success is None for stored in tries if stored.record.error)


def test_a_file_that_is_no_ledger_is_left_alone(toy: pytest.Pytester) -> None:
    diary = toy.path / "diary.sqlite"
    diary.write_text("Dear diary, today I trained for 30k steps.")
    result = toy.runpytest("--robust-model=steady", "--robust-ledger=diary.sqlite")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*diary.sqlite*left as it is*--robust-ledger*"])
    assert diary.read_text().startswith("Dear diary")


@pytest.mark.everywhere
def test_the_ledger_is_no_cache(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady", "-p", "no:cacheprovider").assert_outcomes(passed=2)
    ledger = toy.path / ".robustplus" / "ledger.sqlite"
    assert ledger.is_file()
    assert "*" in (ledger.parent / ".gitignore").read_text()
    result = toy.runpytest("--robust-model=steady", "--cache-clear", "--robust-budget=20")
    result.assert_outcomes(passed=2)
    with Ledger.open(ledger) as opened:
        assert len(opened.runs()) == 2


def test_a_ledger_in_pytests_cache_is_moved(toy: pytest.Pytester) -> None:
    toy.runpytest("--robust-model=steady").assert_outcomes(passed=2)
    ledger, old = toy.path / ".robustplus" / "ledger.sqlite", toy.path / ".pytest_cache" / "d" / "robustplus"
    old.mkdir(parents=True)
    ledger.rename(old / "ledger.sqlite")
    # A run that was killed leaves the end of its records in the log.
    with contextlib.closing(sqlite3.connect(old / "ledger.sqlite")) as database:
        database.create_function("record_checksum", -1, lambda *_: 0)
        database.execute("UPDATE run SET exitstatus = exitstatus")
        result = toy.runpytest("--robust-model=steady")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["*is to be moved to*but database is locked. End the run*"])
    toy.runpytest("--robust-model=steady").assert_outcomes(passed=2)
    assert not (old / "ledger.sqlite").exists()
    with Ledger.open(ledger) as opened:
        assert len(opened.runs()) == 2


def test_a_configuration_that_pytest_does_not_see_is_refused(toy: pytest.Pytester, tmp_path: Path) -> None:
    """The same command twice: the second time its ledger exists, and is to pytest a path to collect."""
    toy.path.joinpath("tox.ini").unlink()
    toy.path.joinpath("pyproject.toml").write_text(
        '[tool.robustplus]\nmodels = ["steady"]\nperturbations = ["camera"]\nbaselines = ["toy_baselines.toml"]\n'
    )
    ledger = "--robust-ledger", str(tmp_path / "l.sqlite")
    toy.runpytest(*ledger).assert_outcomes(passed=1)
    again = toy.runpytest(*ledger)
    assert again.ret == pytest.ExitCode.USAGE_ERROR
    again.stderr.fnmatch_lines(["*would not be read: pytest took * for its root*--robust-ledger=FILE*"])
    toy.runpytest("=".join(ledger), "--robust-fresh").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nrobust_models = steady\n"),
        (".pytest.ini", "[pytest]\nrobust_models = steady\n"),
        ("tox.ini", "[pytest]\nrobust_models = steady\n"),
        ("setup.cfg", "[tool:pytest]\nrobust_models = steady\n"),
        ("pytest.toml", '[pytest]\nrobust_models = ["steady"]\n'),
        (".pytest.toml", '[pytest]\nrobust_models = ["steady"]\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\nrobust_models = ["steady"]\n'),
        ("pyproject.toml", '[tool.pytest]\nrobust_models = ["steady"]\n'),
        ("pyproject.toml", '[tool.robustplus]\nmodels = ["steady"]\n'),
    ],
)
def test_settings_beside_or_above_what_pytest_reads_are_refused(toy: pytest.Pytester, name: str, text: str) -> None:
    below = toy.mkdir("below")
    below.joinpath("pytest.ini").write_text("[pytest]\n")
    toy.path.joinpath("tox.ini").unlink()
    toy.path.joinpath(name).write_text(text)
    config = toy.parseconfig()
    assert read_settings(config).models == ("steady",)
    # From below, pytest reads the nearer file, which says nothing of robustness.
    toy.chdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(below)
        above = toy.parseconfig("--rootdir", str(below)) if name != "pyproject.toml" else toy.parseconfig()
        expected = re.escape(str(toy.path / name)) + " would not be read"
        with pytest.raises(BadInputError, match=expected):
            read_settings(above)
        said = toy.parseconfig("-c", str(toy.path / name))
        assert read_settings(said).models == ("steady",)


def test_of_the_files_of_one_folder_pytest_reads_one_and_the_others_are_not_passed_over(toy: pytest.Pytester) -> None:
    toy.path.joinpath("tox.ini").unlink()
    toy.path.joinpath("pytest.ini").write_text("[pytest]\n")
    toy.path.joinpath("setup.cfg").write_text("[tool:pytest]\nrobust_models = steady\n")
    result = toy.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*[[]tool:pytest[]] in *setup.cfg would not be read: *pytest.ini for its configuration*"]
    )
    # A file further above that cannot be read is another's business.
    toy.path.joinpath("setup.cfg").unlink()
    toy.path.joinpath("pyproject.toml").write_text("no table]")
    below = toy.mkdir("below")
    below.joinpath("pytest.ini").write_text("[pytest]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(below)
        assert read_settings(toy.parseconfig()).models == ()
