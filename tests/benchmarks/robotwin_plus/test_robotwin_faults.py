"""Whatever is wrong with a checkout or its child gives one paragraph: what, where, and what to do."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import fake_robotwin
import numpy as np
import pytest
from fake_robotwin import Make, prepare

from pytest_robustplus.benchmarks import vulkan as loader
from pytest_robustplus.benchmarks.rendering import Renderer
from pytest_robustplus.benchmarks.robotwin_plus import vulkan
from pytest_robustplus.benchmarks.robotwin_plus.benchmark import RoboTwinPlus
from pytest_robustplus.benchmarks.robotwin_plus.checkout import examine, interpreter
from pytest_robustplus.benchmarks.robotwin_plus.protocol import RoboTwinProtocol
from pytest_robustplus.errors import BadInputError, RobustnessError, SimulatorError
from pytest_robustplus.policies.profile import Profile
from pytest_robustplus.rollout.limit import limited

FIRST = "adjust_bottle/demo_clean#0"
HOLD = np.zeros(14)


def one_paragraph(error: RobustnessError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "Traceback (most recent" not in text.partition("It printed last")[0]
    return text


def test_a_crash_in_an_episode_says_how_and_what_was_printed(
    make: Make, benchmark: RoboTwinPlus, checkout: Path
) -> None:
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    fake_robotwin.faults(checkout, step="exit")
    with pytest.raises(SimulatorError) as caught:
        simulator.step(HOLD, render=True)
    assert one_paragraph(caught.value) == (
        "The RoboTwin process ended in adjust_bottle/demo_clean#0, seed 100000: exit status 7. What is recorded is"
        " kept: run again once that is mended. It printed last: setting up 100000 | setting up 100000 |"
        " making up words | about to go | Traceback of a kind"
    )


def test_a_segfault_shows_where(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    fake_robotwin.faults(checkout, step="segfault")
    with pytest.raises(SimulatorError, match=r"ended in .*: SIGSEGV\. .*in take_action"):
        simulator.step(HOLD, render=True)


def test_a_hang_ends_with_the_place_where_it_hung(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    simulator = make(timeout=5.0)  # the child has to start within it, too
    simulator.reset(benchmark.task(FIRST))
    fake_robotwin.faults(checkout, step="hang")
    with pytest.raises(SimulatorError) as caught:
        simulator.step(HOLD, render=True)
    text = one_paragraph(caught.value)
    assert text.startswith("RoboTwin did not answer 'step' within 5 s and was ended.")
    assert "in come_to_grief" in text


def test_an_episodes_limit_interrupts_a_child(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    fake_robotwin.faults(checkout, step="hang")
    with pytest.raises(SimulatorError) as caught, limited(0.2, FIRST, expendable=False):
        simulator.step(HOLD, render=True)
    text = one_paragraph(caught.value)
    assert text.startswith(f"{FIRST} was still running after 0.2 s. ")
    assert "in come_to_grief" in text


def test_garbage_on_standard_output_does_no_harm(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    fake_robotwin.faults(checkout, step="garbage")
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    printed = simulator._child._printed  # type: ignore[union-attr]
    for _ in range(3):
        assert not simulator.step(HOLD, render=True)
        assert simulator.observe().images["head_camera"].shape == (240, 320, 3)
    assert os.fstat(printed.fileno()).st_size < 6_000_000  # 5 MB a step; what was printed before is forgotten
    fake_robotwin.faults(checkout, step="exit")
    with pytest.raises(SimulatorError, match="It printed last: about to go"):
        simulator.step(HOLD, render=True)


def test_a_seed_that_ends_the_child_twice_is_left_out(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    task = benchmark.task(FIRST)
    fake_robotwin.faults(checkout, expert_100000="exit")
    with pytest.raises(SimulatorError, match="exit status 7"):
        prepare(make(), task)
    simulator = make()
    assert simulator.reset(task)
    assert simulator.verified.scene.seed == 100_001
    assert [(seed, found.outcome) for seed, found in simulator.verified.skipped] == [(100_000, "crashed")]


@pytest.mark.parametrize(("how", "said"), [("kill", "SIGKILL, as when memory"), ("memory", "CUDA out of memory")])
def test_a_machine_without_memory_is_no_fault_of_a_seed(
    make: Make, benchmark: RoboTwinPlus, checkout: Path, how: str, said: str
) -> None:
    fake_robotwin.faults(checkout, expert_100000=how)
    for _ in range(3):
        with pytest.raises(SimulatorError, match=said):
            prepare(make(), benchmark.task(FIRST))
    fake_robotwin.faults(checkout)
    simulator = make()
    prepare(simulator, benchmark.task(FIRST))
    assert simulator.verified.scene.seed == 100_000


def test_a_seed_that_ends_the_child_once_is_kept(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    fake_robotwin.faults(checkout, expert_100000="once")
    with pytest.raises(SimulatorError):
        prepare(make(), benchmark.task(FIRST))
    simulator = make()
    prepare(simulator, benchmark.task(FIRST))
    assert simulator.verified.scene.seed == 100_000


# Experts fail; scenes that cannot be built, one after the other, are another thing.
@pytest.mark.parametrize(("doing", "last"), [("expert", 100_099), ("setup", 100_009)])
def test_an_expert_that_solves_nothing_does_not_try_for_ever(
    make: Make, benchmark: RoboTwinPlus, checkout: Path, doing: str, last: int
) -> None:
    fake_robotwin.faults(checkout, **{doing: "raise"})
    with pytest.raises(SimulatorError) as caught:
        prepare(make(), benchmark.task(FIRST))
    assert one_paragraph(caught.value).startswith(
        f"RoboTwin's expert solved none of the seeds 100000 to {last} of adjust_bottle in demo_clean; the last one:"
        f" error {doing.replace('setup', 'setting up').replace('expert', 'playing')}: ValueError: a bug of the task."
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("vulkan", r"found no driver that it can use \(RuntimeError: failed.*--robust-protocol=shader=default after: "),
        ("asset", r"not there \(FileNotFoundError: .*020_hammer.*run there: bash script/_download_assets.sh"),
        ("torch", r"does not run in .*No module named 'curobo'.*--robust-robotwin-python"),
    ],
)
def test_what_no_other_seed_would_mend_is_bad_input(
    make: Make, benchmark: RoboTwinPlus, checkout: Path, how: str, said: str
) -> None:
    fake_robotwin.faults(checkout, setup=how)
    simulator = make()
    with pytest.raises(BadInputError, match=said) as caught:
        prepare(simulator, benchmark.task(FIRST))
    one_paragraph(caught.value)
    fake_robotwin.faults(checkout)
    prepare(simulator, benchmark.task(FIRST))
    assert not simulator.verified.skipped


@pytest.mark.parametrize(("version", "said"), [("2.2.2", "has 2.2.2."), ("4.0", "has 4.0.")])
def test_the_wrong_sapien(make: Make, benchmark: RoboTwinPlus, checkout: Path, version: str, said: str) -> None:
    fake_robotwin.sapien(checkout, version)
    simulator = make()
    for _ in range(2):
        with pytest.raises(BadInputError, match=f"RoboTwin needs SAPIEN 3, and .* {said}.*pip install sapien==3.0.0b1"):
            prepare(simulator, benchmark.task(FIRST))


def test_an_interpreter_without_sapien(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    (checkout / "sapien.py").write_text("raise ModuleNotFoundError(\"No module named 'sapien'\")\n")
    with pytest.raises(BadInputError, match=r"does not run in .* No module named 'sapien'"):
        prepare(make(), benchmark.task(FIRST))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("#!/bin/sh\necho no Python here >&2\nexit 2\n", "ended before RoboTwin was loaded: exit status 2. "),
        ("no script either", "does not start (Exec format error). "),
    ],
)
def test_an_interpreter_that_is_none(tmp_path: Path, checkout: Path, program: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(program)
    python.chmod(0o755)
    benchmark = RoboTwinPlus({}, checkout, python)
    simulator = benchmark.simulator(benchmark.profile, benchmark.protocol(benchmark.profile))
    for _ in range(2):  # what the first check found out the second one finds, too
        with pytest.raises(BadInputError) as caught:
            simulator.reset(benchmark.task(FIRST))
        text = one_paragraph(caught.value)
        assert text.startswith(f"The interpreter {python} {said}Give --robust-robotwin-python the Python of")
    simulator.close()


def test_a_robot_whose_files_are_not_there(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    (checkout / "assets/embodiments/aloha/config.yml").unlink()
    with pytest.raises(BadInputError, match=r"aloha/config.yml.*_download_assets"):
        prepare(make(), benchmark.task(FIRST))


def test_a_task_that_is_not_there(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    blocked = benchmark.task("turn_switch/demo_clean#0")
    assert blocked.blocked == f"{checkout} has no envs/turn_switch.py"
    with pytest.raises(BadInputError, match=r"envs/turn_switch.py is not there.*--robust-suite"):
        prepare(make(), blocked)
    with pytest.raises(BadInputError, match="Did you mean 'click_bell/"):
        benchmark.task("click_bel/demo_clean#0")


def test_a_configuration_without_a_camera(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    path = checkout / "task_config/demo_clean.yml"
    path.write_text(path.read_text().replace('"collect_wrist_camera": true', '"collect_wrist_camera": false'))
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    with pytest.raises(BadInputError, match="collects the cameras head_camera, front_camera only"):
        simulator.observe()


def test_nothing_outlives_its_simulator(make: Make, benchmark: RoboTwinPlus, checkout: Path) -> None:
    fake_robotwin.write(
        checkout,
        "envs/adjust_bottle.py",
        "import multiprocessing, time\nfrom ._base_task import Base_Task\n\nclass adjust_bottle(Base_Task):\n"
        "    def __init__(self):\n"
        "        planner = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))\n"
        "        planner.start()\n"
        "        open('planner', 'w').write(str(planner.pid))\n",
    )
    simulator = make()
    simulator.reset(benchmark.task(FIRST))
    planner, child = int((checkout / "planner").read_text()), simulator._child
    assert child is not None
    os.kill(child._process.pid, signal.SIGKILL)
    with pytest.raises(SimulatorError, match=r"ended in .*: SIGKILL"):
        simulator.step(HOLD, render=True)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{planner}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{planner}/stat").read_text().split()[2] == "Z":
            break
    else:
        assert not Path(f"/proc/{planner}/stat").exists()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "envs/_base_task.py").unlink(), r"no checkout .* lacks envs/_base_task.py"),
        (lambda folder: (folder / "assets/objects/list.json").unlink(), r"no assets yet; assets/objects, its objects"),
        (lambda folder: (folder / "assets/embodiments").rename(folder / "x"), r"assets/embodiments, its robots, is"),
    ],
)
def test_half_a_checkout(checkout: Path, break_it: object, said: str) -> None:
    break_it(checkout)  # type: ignore[operator]
    with pytest.raises(BadInputError, match=said) as caught:
        RoboTwinPlus({}, checkout).tasks()
    one_paragraph(caught.value)


def test_the_moved_layout_is_another_benchmark(tmp_path: Path) -> None:
    for name in ("scripts", "env_cfg", "envs"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadInputError, match=r"main branch, which moved everything.*stable_2\.0"):
        examine(tmp_path)
    with pytest.raises(BadInputError, match="there is no such folder"):
        examine(tmp_path / "nowhere")


def test_the_interpreter_is_the_one_given_or_the_checkouts_own(tmp_path: Path) -> None:
    assert interpreter(Path(sys.executable), tmp_path) == Path(sys.executable)
    with pytest.raises(BadInputError, match="there is no such program"):
        interpreter(tmp_path / "python", tmp_path)
    own = tmp_path / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert interpreter(None, tmp_path) == own


def test_without_a_driver_the_advice_is_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulkan, "choose_renderer", lambda: Renderer("llvmpipe"))
    assert vulkan.advice().startswith("With a graphics card, install its driver's Vulkan part (libnvidia-gl); without")

    def refuse() -> Renderer:
        raise BadInputError("VK_DRIVER_FILES=/dev/null shows no Vulkan device.")

    monkeypatch.setattr(vulkan, "choose_renderer", refuse)
    assert vulkan.advice().startswith("VK_DRIVER_FILES=/dev/null shows no Vulkan device. Without a graphics card, ")


def test_rays_are_not_traced_by_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def machine(name: str, kind: str) -> None:
        monkeypatch.setattr(vulkan, "choose_renderer", lambda: Renderer(name))
        monkeypatch.setattr(loader, "devices", lambda: [loader.Device(name, kind, "driver")])

    machine("llvmpipe", "cpu")
    with pytest.raises(BadInputError, match=r"only llvmpipe can draw: two minutes a picture.*shader=default"):
        vulkan.settle("rt")
    assert vulkan.settle("default") == "llvmpipe"
    machine("NVIDIA H200", "discrete")
    assert vulkan.settle("rt") == "NVIDIA H200"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"shader": "fast"}, "Unknown shader of the RoboTwin protocol 'fast'"),
        ({"parameters": "documented"}, "parameters of the RoboTwin protocol is 'documented'.*leave it at 'released'"),
        ({"sheds": "apart"}, "Did you mean 'seeds'"),
        ({"env_seed": "-1"}, "env_seed of the RoboTwin protocol is '-1'; it must be"),
        ({"trials": "7"}, "Unknown trials"),
    ],
)
def test_choices_that_there_are_not(choices: dict[str, str], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        RoboTwinProtocol.parse(choices)


def test_a_profile_of_the_wrong_width(benchmark: RoboTwinPlus) -> None:
    profile = Profile(action_width=7, action_space="joint", settle_steps=0)
    with pytest.raises(
        BadInputError, match="in joint space are 14 numbers wide, and the profile says action_width = 7"
    ):
        benchmark.simulator(profile, {})


def test_without_a_checkout_tasks_say_what_they_need() -> None:
    benchmark = RoboTwinPlus({})
    assert {task.blocked for task in benchmark.tasks()} == {
        "needs a checkout of RoboTwin 2.0-Plus, which --robust-robotwin=DIR names"
    }
    assert not benchmark.checks()
    with pytest.raises(BadInputError, match="Name it by --robust-robotwin=DIR"):
        benchmark.simulator(benchmark.profile, {})
