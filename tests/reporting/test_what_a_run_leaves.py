"""A run leaves what it was asked for, whatever it did, whatever else cannot be written, and however it is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from toy import COMPARISON, SEARCHES

import pytest_robustplus.reporting
from pytest_robustplus.ledger import Ledger

SCHEMA = json.loads((Path(pytest_robustplus.reporting.__file__).parent / "schema.json").read_text())
CAMERA = ("--robust-model=steady", "--robust-perturbation=camera")


def test_a_run_that_only_fuzzes_writes_everything(toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.makepyfile(test_suite=SEARCHES)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(toy.path / "summary.md"))
    result = toy.runpytest(
        "--robust-model=steady", "-k", "frontier and azimuth+", "--robust-json=out.json", "--robust-markdown=out.md"
    )
    result.stdout.fnmatch_lines(["written: *out.md", "written: *out.json"])
    written = json.loads((toy.path / "out.json").read_text(), parse_constant=pytest.fail)
    jsonschema.validate(written, SCHEMA)
    (frontier,) = written["fuzzing"]
    assert (frontier["kind"], frontier["model"]) == ("frontier", "steady")
    assert "azimuth+ of steady" in frontier["says"]
    assert written["run"]["command"].startswith("pytest")
    for name in ("out.md", "summary.md"):
        assert "### Fuzzing" in (toy.path / name).read_text()


def test_what_cannot_be_written_keeps_nothing_else_from_it(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(toy.path))
    (toy.path / "taken").write_text("")
    result = toy.runpytest(
        *CAMERA, "--robust-markdown=taken/out.md", "--robust-json=out.json", "--robust-html=out.html"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stdout.fnmatch_lines(
        [
            "NOT written: Cannot write *taken/out.md*",
            "NOT written: Is a directory*",
            "written: *out.json",
            "written: *html",
        ]
    )
    assert json.loads((toy.path / "out.json").read_text())["cells"][0]["state"] == "pass"


# Workers take five seconds to be ended, so once is enough.
@pytest.mark.parametrize(("name", "spread"), [("SIGTERM", "-n2"), ("SIGHUP", "-n0"), ("SIGINT", "-n0")])
def test_a_run_that_is_ended_leaves_its_table_and_files(
    toy: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, spread: str
) -> None:
    # The second cell has to last long after the first, though both workers play it then on a busy machine.
    toy.makepyfile(
        slow="""
        import time
        import toy

        def act(self, observations, act=toy.Steady.act):
            time.sleep(0.0 if isinstance(self, toy.Weak) else 1.0)
            return act(self, observations)

        toy.Steady.act = act
        """
    )
    monkeypatch.setenv("PYTEST_PLUGINS", "slow")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    arguments = ("--robust-model=weak,steady", "--robust-perturbation=camera", "--robust-ledger=l.sqlite", "-v")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments, "--robust-json=out.json", "--robust-alpha-pass=1e-6", spread],
        cwd=toy.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that starts us in the background lets us ignore Ctrl-C, nohup a hang-up, and whatever we start.
        preexec_fn=lambda: signal.signal(signal.Signals[name], signal.SIG_DFL),
    ) as process:
        decided = False
        end = time.monotonic() + 100
        while not decided and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
            if (toy.path / "l.sqlite").exists():
                with Ledger.open(toy.path / "l.sqlite", verify=False) as ledger:
                    decided = any(audit.conclusion is not None for audit in ledger.audits())
        # One cell is decided, and its report under way; the other is not.
        time.sleep(1.0)
        os.kill(process.pid, signal.Signals[name])
        said, _ = process.communicate(timeout=100)
    assert decided, said
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "robustness: Toy Table" in said
    assert "written: " in said
    states = {cell["model"]: cell["state"] for cell in json.loads((toy.path / "out.json").read_text())["cells"]}
    assert states == {"weak": "fail", "steady": "unfinished"}
    assert "ended before an answer: 1 cell (steady-toy-camera)." in said


def test_a_run_that_ends_before_any_answer_says_what_is_open(toy: pytest.Pytester) -> None:
    toy.makepyfile(
        test_suite=COMPARISON,
        ender="""
        import toy

        def act(self, observations):
            raise KeyboardInterrupt

        toy.Steady.act = act
        """,
    )
    result = toy.runpytest_subprocess(
        "-pender", "--robust-compare=weak:steady", "--robust-perturbation=camera,noise", "--robust-json=out.json",
        "--robust-markdown=out.md", "--robust-html=out.html", "--robust-ledger=l.sqlite",
    )  # fmt: skip
    assert result.ret == pytest.ExitCode.INTERRUPTED
    open_ = "ended before an answer: 2 comparisons (weak-vs-steady-toy-camera, weak-vs-steady-toy-noise)."
    result.stdout.fnmatch_lines([f"{open_} The same command goes on with what the ledger has.", "written: *out.json"])
    written = json.loads((toy.path / "out.json").read_text())
    jsonschema.validate(written, SCHEMA)
    assert [(one["kind"], one["subject"]) for one in written["unanswered"]] == [
        ("comparison", "camera"),
        ("comparison", "noise"),
    ]
    assert "ended before an answer" in (toy.path / "out.md").read_text()
    # The page held neither, nor did the one that is made of the ledger.
    toy.runpytest("--robust-page=l.sqlite", "--robust-html=later.html")
    for page in ("out.html", "later.html"):
        assert f'<p class="headline">E{open_[1:]} The same' in (toy.path / page).read_text()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_run_that_is_ended_while_it_finishes_says_what_it_found(toy: pytest.Pytester, name: str) -> None:
    toy.makepyfile(
        ender=f"""
        import os, signal, pytest

        @pytest.hookimpl(trylast=True)
        def pytest_sessionfinish():
            os.kill(os.getpid(), signal.{name})
        """
    )
    result = toy.runpytest_subprocess(*CAMERA, "-n0", "-pender", "--robust-json=out.json")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*robustness: Toy Table*", "written: *out.json", "*1 passed*"])


def test_a_second_signal_ends_a_run_that_finishes() -> None:
    program = (
        "import os, signal\n"
        "from pytest_robustplus.distributed.ending import finishing\n"
        "finishing()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('held', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('never')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.returncode) == (["held"], -signal.SIGTERM)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    program = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from pytest_robustplus.distributed.ending import told\n"
        "with told(): os.kill(os.getpid(), signal.SIGHUP)\n"
        "print(int(signal.getsignal(signal.SIGHUP)), int(signal.getsignal(signal.SIGTERM)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(int(signal.SIG_IGN)), str(int(signal.SIG_DFL))]
